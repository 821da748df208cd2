"""Contract between the clusters of a mesh: facts of one that the stacks of the others need."""

from typing import Any

from pydantic import SecretStr

from mesh.settings.clusters import ClusterName
from mesh.settings.fields import Namespace
from mesh.settings.platform_contract import Part

OUTPUT = "clusterContract"
"""Output, of a stack with a clusterName, that holds the contract."""
CONTRACT = 1
"""Version of the contract's schema; increase it when a field changes its meaning, or goes."""


class Access(Part):
    """Access to a cluster's API server, for the istiods of other clusters."""

    server: str
    certificate_authority: str
    """Certificate of the API server's CA, in base64 as in a kubeconfig."""
    token: SecretStr


class ClusterContract(Part):
    """Facts of a cluster, and the access to it."""

    contract: int
    cluster_name: ClusterName
    mesh_id: str | None = None
    network: str | None = None
    istio_namespace: Namespace
    trust_domain: str
    root_certificates: tuple[str, ...] = ()
    """Fingerprints of the roots that the stack gives its istiods; none = istiods make their own."""
    has_east_west_gateway: bool
    control_plane: ClusterName | None = None
    """Cluster whose istiod serves this one; None with an istiod of its own."""
    istiod_address: str | None = None
    """Address at which its istiod serves other clusters; None where it serves none."""
    access: Access | None = None
    """None for a cluster that lets no others in."""

    @property
    def output(self) -> dict[str, Any]:
        """Contract in the form of the stack's output, without the access."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
