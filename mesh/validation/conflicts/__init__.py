"""Conflicts between settings that are valid one by one.

Each file has `conflicts(settings) -> Iterator[Mistake]`; mesh/validation/config.py calls them all.
Not here: conflicts with the Istio release on disk (mesh/validation/against_release.py).
"""
