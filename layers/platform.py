"""The platform: CRDs, Istio's core, gateways, node agents, telemetry."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.gateway_api_crds import GatewayAPICRDs, GatewayAPICRDsArgs
from components.gateways import Gateways, GatewaysArgs
from components.istio_core import IstioCore, IstioCoreArgs
from components.istio_crds import IstioCRDs, IstioCRDsArgs
from components.mesh_namespaces import MeshNamespaces, MeshNamespacesArgs
from components.mesh_security import MeshSecurity, MeshSecurityArgs
from components.node_agents import NodeAgents, NodeAgentsArgs
from components.telemetry import Telemetry, TelemetryArgs
from layers import mesh_clusters
from mesh.charts.values import image_tag, template_mark
from mesh.injection.kube_inject import Injector
from mesh.istio import gateway_api_crds as gateway_api
from mesh.istio import running_mesh
from mesh.istio.control_planes import ControlPlanes
from mesh.istio.release import TODAY, Layout
from mesh.kubernetes import cluster as clusters
from mesh.kubernetes.cluster import Cluster
from mesh.preflight import app as app_preflight
from mesh.preflight import platform as platform_preflight
from mesh.preflight import sidecars
from mesh.resources.ready import Ready, all_ready, nothing
from mesh.settings.gateway import Gateway
from mesh.settings.platform_contract import (
    CONTRACT,
    HTTPS,
    IngressGateway,
    PlatformContract,
)
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A mesh that applications use, of this stack or of another one."""

    contract: PlatformContract
    cluster: Cluster
    provider: kubernetes.Provider
    address: pulumi.Input[str]
    """The ingress gateway's IP or host name."""
    cluster_contract: pulumi.Input[Mapping[str, Any]] | None = None
    """What the stacks of other clusters need; None for a cluster without a name."""
    layout: Layout = TODAY
    """The layout of its release; its generation decides the Bookinfo sample."""
    injectors: Mapping[str, Injector] = field(default_factory=dict)
    """Manual injectors by revision; empty when the control planes belong to another stack."""
    label_ready: Ready = field(default_factory=nothing)
    """Depend on it before labelling Bookinfo's namespace."""
    injection_ready: Ready = field(default_factory=nothing)
    """Depend on it before creating pods that need a sidecar."""
    gateways_ready: Ready = field(default_factory=nothing)
    """Every gateway is running."""
    namespaces_ready: Ready = field(default_factory=nothing)
    """The other teams' namespaces exist, with their labels."""
    release_source: str = ""
    dashboards: Mapping[str, str] = field(default_factory=dict)
    """The command that opens each telemetry add-on."""
    addresses: pulumi.Input[Mapping[str, str]] = field(default_factory=dict)
    """The address of every gateway, by its name."""
    kept_on_destroy: list[str] = field(default_factory=list)
    """CRDs that outlive the stack."""
    adopted: Collection[str] = ()
    """Namespaces of the stack that somebody else made."""
    proxy_tags: Mapping[str, str] = field(default_factory=dict)
    """Image tag of the proxies of each revision; none when another stack decides it."""
    proxy_template: str = ""
    """Hash of the values that istiod renders proxies with; empty when another stack has them."""


def deploy(settings: Settings, control_planes: ControlPlanes, cluster: Cluster) -> Platform:
    """Create the mesh, from the bottom up."""
    settings, remotes = mesh_clusters.find(settings, cluster)
    bundle = gateway_api.find(settings)
    running = running_mesh.look(cluster)
    platform_preflight.check(cluster, settings, control_planes, bundle, running)
    mesh_clusters.check(settings, cluster, remotes)
    scaled_to_zero = running.scaled_to_zero_of(settings) if running else {}
    adopted = running.there_before(settings) if running else frozenset()

    provider = clusters.provider(
        "cluster",
        cluster,
        kube_version=settings.kube_version,
        upsert_existing_objects=settings.adopt,
    )
    # CRDs outlive a destroy: existing ones are adopted instead of refused.
    adopting_provider = clusters.provider(
        "cluster-crds", cluster, kube_version=settings.kube_version, upsert_existing_objects=True
    )

    crds = IstioCRDs(
        "istio-crds",
        IstioCRDsArgs(release=control_planes.newest, delete=settings.delete_crds),
        pulumi.ResourceOptions(provider=adopting_provider),
    )

    gateway_api_crds = GatewayAPICRDs(
        "gateway-api-crds",
        GatewayAPICRDsArgs(bundle=bundle),
        pulumi.ResourceOptions(provider=adopting_provider),
    )

    core = IstioCore(
        "istio",
        IstioCoreArgs(
            settings=settings,
            control_planes=control_planes,
            cluster=cluster,
            scaled_to_zero=scaled_to_zero,
            drops_ca=running.drops_ca(settings) if running else False,
            adopted=adopted,
        ),
        pulumi.ResourceOptions(
            provider=provider, depends_on=all_ready(crds.ready, gateway_api_crds.ready)
        ),
    )

    sidecars.announce(cluster, settings, control_planes, core.injectors)

    # A pod gets its sidecar when it is created: istiod comes before gateways and applications.
    gateways = Gateways(
        "gateways",
        GatewaysArgs(
            settings=settings,
            cluster=cluster,
            proxies=control_planes.proxies(settings.gateway_revision),
            umbrella_services=core.gateways,
            scaled_to_zero=scaled_to_zero,
            adopted=adopted,
        ),
        pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
    )

    # Node agents follow the stack's own istiod: they are never newer.
    node_agents = NodeAgents(
        "node-agents",
        NodeAgentsArgs(settings=settings, control_plane=control_planes.own, adopted=adopted),
        pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
    )

    namespaces_ready = nothing()
    if settings.mesh_namespaces:
        # Pods that are created from now on get a sidecar: the injector answers.
        namespaces_ready = MeshNamespaces(
            "mesh-namespaces",
            MeshNamespacesArgs(
                settings=settings,
                control_planes=control_planes,
                adopting_provider=adopting_provider,
            ),
            pulumi.ResourceOptions(
                provider=provider, depends_on=all_ready(core.ready, node_agents.ready)
            ),
        ).ready

    telemetry = Telemetry(
        "telemetry",
        TelemetryArgs(
            settings=settings, release=control_planes.own.release, context=cluster.context
        ),
        pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
    )

    injection_ready = label_ready = all_ready(core.ready, node_agents.ready)
    own, proxies = settings.bookinfo_namespace, control_planes.proxies(settings.bookinfo_revision)
    takes_in = running is not None and running.takes_in(own, settings.data_plane, proxies.label)
    # Kubernetes takes 5 s to delete a namespace. Bookinfo's depends on the same resources as
    # istiod's, so that a destroy deletes both at the same time. An adopted namespace has pods of
    # others: it must lose its label before istiod is deleted.
    if takes_in and own not in adopted:
        label_ready = all_ready(crds.ready, gateway_api_crds.ready)

    platform = Platform(
        contract=_contract(settings, control_planes),
        cluster=cluster,
        cluster_contract=mesh_clusters.join(
            settings,
            mesh_clusters.JoinArgs(
                cluster=cluster,
                remotes=remotes,
                control_plane=control_planes.own,
                addresses=gateways.addresses,
            ),
            pulumi.ResourceOptions(
                provider=provider, depends_on=all_ready(core.ready, gateways.ready)
            ),
        ),
        provider=provider,
        address=gateways.address,
        layout=control_planes.own.release.layout,
        injectors=core.injectors,
        label_ready=label_ready,
        injection_ready=injection_ready,
        gateways_ready=gateways.ready,
        namespaces_ready=namespaces_ready,
        release_source=control_planes.own.release.source,
        dashboards=telemetry.dashboards,
        addresses=gateways.addresses,
        kept_on_destroy=[*crds.kept, *gateway_api_crds.names],
        adopted=adopted,
        proxy_tags={
            plane.revision: image_tag(settings, control_planes.proxies(plane.revision))
            for plane in control_planes.all
        },
        proxy_template=template_mark(settings),
    )
    if settings.mode == "platform":  # else the application's namespace comes first (layers/app.py)
        MeshSecurity(
            "security",
            MeshSecurityArgs(settings=settings, ingress=None),
            pulumi.ResourceOptions(
                provider=provider,
                depends_on=all_ready(
                    platform.injection_ready, platform.gateways_ready, platform.namespaces_ready
                ),
            ),
        )
    return platform


def of_another_stack(settings: Settings, cluster: Cluster) -> Platform:
    """Return the platform that an app stack uses, after checking that it is up."""
    contract = settings.platform_contract
    assert contract is not None  # noqa: S101 - an app stack's settings always have it
    running = running_mesh.look(cluster)
    app_preflight.check(cluster, settings, contract, running)
    return Platform(
        adopted=running.there_before(settings) if running else frozenset(),
        contract=contract,
        cluster=cluster,
        provider=clusters.provider(
            "cluster",
            cluster,
            kube_version=settings.kube_version,
            upsert_existing_objects=settings.adopt,
        ),
        address=contract.gateway_address,
    )


def _contract(settings: Settings, control_planes: ControlPlanes) -> PlatformContract:
    """Return the platform's contract for app stacks."""
    serving = settings.remote_control_plane
    return PlatformContract(
        contract=CONTRACT,
        istio_namespace=settings.istio_namespace,
        revision=control_planes.own.revision,
        versions={plane.revision: plane.release.version for plane in control_planes.all},
        revision_tags=settings.revision_tags,
        routing_api=settings.routing_api,
        trust_domain=settings.trust_domain,
        auto_mtls=settings.mesh_config.get("enableAutoMtls", True),
        node_agents=settings.data_plane.node_agents,
        gateway=_ingress(settings),
        control_plane=serving.cluster if serving else None,
    )


def _ingress(settings: Settings) -> IngressGateway | None:
    """Return the gateway that applications are reached through; None on a platform for others."""
    gateway = settings.ingress
    if gateway is None or (gateway.http_port is None and gateway.https_port is None):
        return None
    return IngressGateway(
        name=gateway.name,
        namespace=settings.namespace_of(gateway),
        account=gateway.proxy_name(settings.routing_api),
        selector=gateway.selector,
        port=gateway.http_port,
        https=_https(settings, gateway),
    )


def _https(settings: Settings, gateway: Gateway) -> HTTPS | None:
    """Return the gateway's port for HTTPS and its certificate; None without one."""
    port = gateway.https_port
    tls = port.tls if port else None
    if port is None or tls is None or tls.credential_name is None:
        return None
    return HTTPS(
        port=port.port,
        name=port.name,
        mode=tls.mode,
        credential_name=tls.credential_name,
        min_protocol_version=tls.min_protocol_version,
        redirect_from=gateway.redirects,
        dns_names=settings.dns_names_of(tls),
    )
