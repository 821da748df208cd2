"""Promises, pinned."""
