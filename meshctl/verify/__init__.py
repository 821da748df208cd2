"""`make verify`: checks of a running mesh, and the table that reports them.

Each check gets the same snapshot of the cluster. Not here: checks before a change
(mesh/preflight/).
"""
