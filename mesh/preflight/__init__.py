"""Checks of the cluster before anything changes.

A preview refuses what `pulumi up` would break: foreign objects, unsupported upgrades, revisions
that are still in use. Not here: checks of a running mesh (meshctl/verify/).
"""
