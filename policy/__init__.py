"""What a team asks of its stacks: a Pulumi policy pack, and the same rules for rendered YAML."""
