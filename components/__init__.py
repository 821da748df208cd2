"""Pulumi components that create the cluster's objects: one ComponentResource per file."""
