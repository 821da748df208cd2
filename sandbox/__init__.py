"""A disposable cluster and a Pulumi tool chain, for machines that have neither."""
