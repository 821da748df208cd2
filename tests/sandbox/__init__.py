"""The sandbox itself, with its real processes."""
