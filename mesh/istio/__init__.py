"""Istio: releases on disk, versions, revisions, CRDs, and a running mesh.

release.py finds a release and its charts; running_mesh.py reads the state of a cluster's Istio;
api/ models Istio's resources. Not here: Helm values (mesh/charts/) and checks
(mesh/preflight/, meshctl/verify/).
"""
