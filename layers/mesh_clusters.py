"""What joins the cluster to the others of its mesh, and what their stacks must know of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.cluster_access import ClusterAccess, ClusterAccessArgs
from components.cross_network_gateway import CrossNetworkGateway, CrossNetworkGatewayArgs
from components.external_istiod import ExternalIstiod, ExternalIstiodArgs
from components.remote_clusters import RemoteClusters, RemoteClustersArgs
from mesh.istio.certificates import fingerprints
from mesh.istio.control_planes import ControlPlane
from mesh.istio.remote_clusters import RemoteCluster
from mesh.kubernetes.cluster import Cluster
from mesh.preflight import remote_clusters as preflight
from mesh.settings.cluster_contract import CONTRACT, ClusterContract
from mesh.settings.schema import Settings
from mesh.validation import remote_clusters


@dataclass(frozen=True, kw_only=True)
class JoinArgs:
    """Arguments of join, besides the settings."""

    cluster: Cluster
    remotes: Sequence[RemoteCluster]
    control_plane: ControlPlane
    addresses: pulumi.Output[dict[str, str]]
    """The address of every gateway, by its name."""


def find(settings: Settings, cluster: Cluster) -> tuple[Settings, list[RemoteCluster]]:
    """Read the contracts of other clusters' stacks; a stack that is rendered can't ask a backend.

    The settings get the address of the istiod that serves this cluster.
    """
    if not cluster.is_there:
        return settings, remote_clusters.named(settings)
    return remote_clusters.find_control_plane(settings), remote_clusters.find(settings)


def check(settings: Settings, cluster: Cluster, remotes: Sequence[RemoteCluster]) -> None:
    """Check the other clusters' API servers, and what another cluster's istiod did in this one."""
    if cluster.is_there and (remotes or settings.remote_control_plane):
        preflight.check(cluster, settings, remotes)


def join(
    settings: Settings, args: JoinArgs, opts: pulumi.ResourceOptions
) -> pulumi.Input[Mapping[str, Any]] | None:
    """Create what joins the cluster to others, and return its contract; None without a name."""
    # Where another cluster's istiod serves, it reads these in its own cluster only.
    if settings.east_west and settings.remote_control_plane is None:
        CrossNetworkGateway(
            "cross-network-gateway", CrossNetworkGatewayArgs(settings=settings), opts
        )
    if settings.external_istiod:
        ExternalIstiod(
            "external-istiod",
            ExternalIstiodArgs(settings=settings, control_plane=args.control_plane),
            opts,
        )
    if args.remotes:
        RemoteClusters(
            "remote-clusters", RemoteClustersArgs(settings=settings, clusters=args.remotes), opts
        )
    if settings.cluster_name is None:
        return None
    contract: dict[str, Any] = _contract(settings, settings.cluster_name).output
    if settings.external_istiod:
        name = settings.east_west[0].name
        contract["istiodAddress"] = args.addresses.apply(lambda found: found[name])
    if settings.cluster_access:
        server = settings.cluster_access.server
        if server is None:
            server = args.cluster.server if args.cluster.is_there else ""
        access = ClusterAccess(
            "cluster-access", ClusterAccessArgs(settings=settings, server=server), opts
        )
        contract["access"] = pulumi.Output.secret(access.output)
    return contract


def _contract(settings: Settings, name: str) -> ClusterContract:
    roots = settings.cacerts.root_cert.get_secret_value() if settings.cacerts else ""
    serving = settings.remote_control_plane
    return ClusterContract(
        contract=CONTRACT,
        cluster_name=name,
        mesh_id=settings.mesh_id,
        network=settings.network,
        istio_namespace=settings.istio_namespace,
        trust_domain=settings.trust_domain,
        root_certificates=fingerprints(roots),
        has_east_west_gateway=bool(settings.east_west),
        control_plane=serving.cluster if serving else None,
    )
