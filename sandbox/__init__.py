"""A throw-away cluster and a Pulumi tool chain for machines without either."""
