"""Waiting until an object is what the program wants it to be."""
