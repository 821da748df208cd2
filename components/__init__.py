"""What exists in the cluster: one ComponentResource, one file, one noun."""
