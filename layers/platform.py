"""The platform: CRDs, Istio's core, gateways, the nodes' agents, telemetry."""

import pulumi

from components.gateway_api_crds import GatewayAPICRDs, GatewayAPICRDsArgs
from components.gateways import Gateways, GatewaysArgs
from components.istio_core import IstioCore, IstioCoreArgs
from components.istio_crds import IstioCRDs, IstioCRDsArgs
from components.mesh_security import MeshSecurity, MeshSecurityArgs
from components.node_agents import NodeAgents, NodeAgentsArgs
from components.telemetry import Telemetry, TelemetryArgs
from layers.foundation import Foundation
from mesh.istio import control_planes
from mesh.istio import gateway_api_crds as gateway_api_bundle
from mesh.kubernetes import cluster
from mesh.kubernetes.cluster import Cluster
from mesh.preflight import platform
from mesh.resources import ready
from mesh.settings import platform_contract, schema
from mesh.settings.schema import Settings


def deploy(stack: Settings, target: Cluster) -> Foundation:
    """Bring up what applications stand on, from the bottom up."""
    istio = control_planes.find(stack)
    schema.check(stack, istio.releases)
    gateway_api = gateway_api_bundle.find(stack.istio_version, wanted=stack.brings_gateway_api)
    stopped = platform.check(target, stack, istio, gateway_api)

    provider = cluster.provider(
        "cluster",
        target,
        kube_version=stack.kube_version,
        upsert_existing_objects=stack.adopt,
    )
    # CRDs outlive a destroy: those that are there already are taken over, not refused.
    adopting_provider = cluster.provider(
        "cluster-crds", target, kube_version=stack.kube_version, upsert_existing_objects=True
    )

    crds = IstioCRDs(
        "istio-crds",
        IstioCRDsArgs(release=istio.newest, delete=stack.delete_crds),
        pulumi.ResourceOptions(provider=adopting_provider),
    )

    gateway_api_crds = GatewayAPICRDs(
        "gateway-api-crds",
        GatewayAPICRDsArgs(bundle=gateway_api),
        pulumi.ResourceOptions(provider=adopting_provider),
    )

    core = IstioCore(
        "istio",
        IstioCoreArgs(stack=stack, control_planes=istio, cluster=target, stopped=stopped),
        pulumi.ResourceOptions(
            provider=provider,
            depends_on=ready.all_ready(crds.ready, gateway_api_crds.ready),
        ),
    )

    # A pod gets its sidecar when it is created: istiod comes before gateways and applications.
    gateways = Gateways(
        "gateways",
        GatewaysArgs(
            stack=stack,
            proxies=istio.proxies(stack.gateway_revision),
            brought=core.gateways,
            stopped=stopped,
        ),
        pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
    )

    # Agents of the nodes follow the stack's own istiod: never newer than it.
    node_agents = NodeAgents(
        "node-agents",
        NodeAgentsArgs(stack=stack, control_plane=istio.own),
        pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
    )

    telemetry = Telemetry(
        "telemetry",
        TelemetryArgs(stack=stack, release=istio.own.release, context=target.context),
        pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
    )

    pulumi.export("releaseSource", istio.own.release.source)
    pulumi.export("dashboards", telemetry.dashboards)
    pulumi.export("gatewayAddresses", gateways.addresses)
    pulumi.export("keptOnDestroy", [*crds.kept, *gateway_api_crds.names])
    return Foundation(
        contract=platform_contract.of(stack, istio, gateways.ingress, gateways.account),
        provider=provider,
        layout=istio.own.release.layout,
        address=gateways.address,
        injectors=core.injectors,
        injects=ready.all_ready(core.ready, node_agents.ready),
        lets_in=gateways.ready,
    )


def offer(stack: Settings, foundation: Foundation) -> None:
    """Set the mesh-wide policies, and say what app stacks must know."""
    contract = foundation.contract
    MeshSecurity(
        "security",
        MeshSecurityArgs(stack=stack, ingress=contract.gateway.identity),
        # Any of the stack's namespaces may have a policy of its own.
        pulumi.ResourceOptions(
            provider=foundation.provider,
            depends_on=ready.all_ready(foundation.injects, foundation.lets_in),
        ),
    )
    pulumi.export(
        platform_contract.OUTPUT,
        {**contract.output, "gatewayAddress": foundation.address},
    )
