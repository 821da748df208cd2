"""What the components are made from, and what people run around `pulumi up`."""
