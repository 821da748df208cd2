"""A team's rules for its stacks: a Pulumi policy pack, and a check of rendered YAML."""
