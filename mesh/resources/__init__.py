"""Constructors of Pulumi resources: charts, CRDs, namespaces, manifests, hooks.

Helpers that components share, with the workarounds that the Kubernetes provider needs. Not here:
ComponentResources (components/) and Helm values (mesh/charts/).
"""
