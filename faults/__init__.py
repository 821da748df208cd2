"""Faults in the middle of an update, at each resource, and what the next update makes of it."""
