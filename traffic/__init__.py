"""Proof by requests to pods that are processes, instead of a look at objects."""
