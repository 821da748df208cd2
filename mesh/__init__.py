"""The Pulumi program's own library: what `pulumi up` runs.

Its packages build on each other in one direction, which tests/unit/test_imports.py checks:
preflight and validation on charts, bookinfo and injection, those on istio and resources, those
on settings, settings on kubernetes. Not here: commands for people and CI (meshctl/), components
(components/), and anything that starts a cluster (sandbox/).
"""
