"""Istio and Bookinfo on one cluster: CRDs, the core, gateways, then the application."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python stops here, with a reason
    sys.exit("mesh needs Python 3.11 or newer, this is " + sys.version.split()[0])

import pulumi

from components.bookinfo import Bookinfo, BookinfoArgs
from components.bookinfo_routes import BookinfoRoutes, BookinfoRoutesArgs
from components.gateway_api_crds import GatewayAPICRDs, GatewayAPICRDsArgs
from components.gateways import Gateways, GatewaysArgs
from components.injected_namespace import InjectedNamespace, InjectedNamespaceArgs
from components.istio_core import IstioCore, IstioCoreArgs
from components.istio_crds import IstioCRDs, IstioCRDsArgs
from components.mesh_security import MeshSecurity, MeshSecurityArgs
from components.node_agents import NodeAgents, NodeAgentsArgs
from components.telemetry import Telemetry, TelemetryArgs
from mesh import cluster, control_planes, gateway_api_bundle, ordering, preflight, settings

stack = settings.read()
istio = control_planes.find(stack)
settings.check(stack, istio.releases)
target = cluster.choose(stack.context, stack.kubeconfig, stack.render_dir)
gateway_api = gateway_api_bundle.find(stack.istio_version, wanted=stack.brings_gateway_api)
stopped = preflight.check(target, stack, istio, gateway_api)

provider = cluster.provider(
    "cluster", target, kube_version=stack.kube_version, upsert_existing_objects=stack.adopt
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
        depends_on=ordering.all_ready(crds.ready, gateway_api_crds.ready),
    ),
)

# A pod gets its sidecar when it is created: istiod comes before gateways and applications.
gateways = Gateways(
    "gateways",
    GatewaysArgs(stack=stack, proxies=istio.proxies(stack.gateway_revision), brought=core.gateways),
    pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
)

# Agents of the nodes follow the stack's own istiod: never newer than it.
node_agents = NodeAgents(
    "node-agents",
    NodeAgentsArgs(stack=stack, control_plane=istio.own),
    pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
)

proxies = istio.proxies(stack.bookinfo_revision)
bookinfo_namespace = InjectedNamespace(
    "bookinfo",
    InjectedNamespaceArgs(
        namespace=stack.bookinfo_namespace,
        data_plane=stack.data_plane,
        pod_security=stack.pod_security,
        pull_secret=stack.pull_secret,
        revision=proxies.label,
    ),
    pulumi.ResourceOptions(
        provider=provider, depends_on=ordering.all_ready(core.ready, node_agents.ready)
    ),
)

# Policies are in force before the first request, and until after the last one.
security = MeshSecurity(
    "security",
    MeshSecurityArgs(stack=stack, ingress=gateways.account),
    pulumi.ResourceOptions(provider=provider, depends_on=bookinfo_namespace.ready),
)

telemetry = Telemetry(
    "telemetry",
    TelemetryArgs(stack=stack, release=istio.own.release, context=target.context),
    pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
)

bookinfo = Bookinfo(
    "bookinfo",
    BookinfoArgs(
        stack=stack,
        release=proxies.release,
        injector=core.injectors[proxies.revision],
        revision_mark=proxies.mark,
    ),
    pulumi.ResourceOptions(
        provider=provider,
        depends_on=ordering.all_ready(gateways.ready, bookinfo_namespace.ready, security.ready),
    ),
)

# Routes come last: until they are there, the gateway lets nobody in.
routes = BookinfoRoutes(
    "bookinfo-routes",
    BookinfoRoutesArgs(
        stack=stack,
        release=istio.own.release,
        gateway=gateways.ingress,
        gateway_namespace=gateways.account[0],
    ),
    pulumi.ResourceOptions(provider=provider, depends_on=bookinfo.ready),
)

pulumi.export("istioVersion", istio.own.release.version)
pulumi.export("releaseSource", istio.own.release.source)
pulumi.export("context", target.context)
pulumi.export("istioNamespace", stack.istio_namespace)
pulumi.export("bookinfoNamespace", stack.bookinfo_namespace)
pulumi.export("namespaces", stack.namespaces)
pulumi.export("gatewayAddress", gateways.address)
pulumi.export("dashboards", telemetry.dashboards)
pulumi.export("bookinfoUrl", routes.url)
pulumi.export("gatewayAddresses", gateways.addresses)
pulumi.export("keptOnDestroy", [*crds.kept, *gateway_api_crds.names])
