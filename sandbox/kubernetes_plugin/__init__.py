"""A stand-in for the official `pulumi-resource-kubernetes` plugin, where it can't be downloaded."""
