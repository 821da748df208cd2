"""Other clusters of the mesh, and the Secrets by which istiod finds them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh.settings.cluster_contract import Access, ClusterContract

READER = "istio-reader-service-account"
"""ServiceAccount of the base chart for the istiods of other clusters."""
LABEL = "istio/multiCluster"
"""Label of a Secret with a kubeconfig: istiod watches those whose value is "true"."""
ANNOTATION = "networking.istio.io/cluster"
"""Annotation of such a Secret, as istioctl writes it: the cluster's name."""
PREFIX = "istio-remote-secret-"
"""Prefix of such a Secret's name, as istioctl writes it."""


@dataclass(frozen=True, kw_only=True)
class RemoteCluster:
    """A cluster whose API server istiod watches."""

    name: str
    kubeconfig: str = field(repr=False)
    contract: ClusterContract | None = None
    """None for a cluster that no stack has."""

    @property
    def secret(self) -> str:
        """Name of its Secret, whose only key is the cluster's name."""
        return PREFIX + self.name


def kubeconfig(name: str, access: Access) -> str:
    """Return the kubeconfig that istiod reaches a cluster with; JSON is YAML too."""
    server = {
        "server": access.server,
        "certificate-authority-data": access.certificate_authority,
    }
    content: Mapping[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": server}],
        "users": [{"name": name, "user": {"token": access.token.get_secret_value()}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    return json.dumps(content, sort_keys=True)
