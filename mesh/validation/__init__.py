"""Checks of the config that need no cluster.

Conflicts between settings, and checks against the Istio release on disk: values, profiles,
MeshConfig. All mistakes are reported in one message. Not here: the type of a single setting
(mesh/settings/), and checks of the cluster (mesh/preflight/).
"""
