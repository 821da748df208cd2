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
from mesh import (
    cluster,
    control_planes,
    gateway_api_bundle,
    ordering,
    preflight,
    secrets,
    settings,
)

stack = settings.read()
istio = control_planes.find(stack)
settings.check(stack, istio.releases)
target = cluster.choose(stack.context, stack.kubeconfig)
gateway_api = gateway_api_bundle.find(stack.istio_version, wanted=stack.brings_gateway_api)
stopped = preflight.check(target, stack, istio, gateway_api)
pull_secret = secrets.pull_secret(stack.registry_credentials)

provider = cluster.provider("cluster", target, upsert_existing_objects=stack.adopt)
# CRDs outlive a destroy: those that are there already are taken over, not refused.
adopting_provider = cluster.provider("cluster-crds", target, upsert_existing_objects=True)

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
    IstioCoreArgs(
        control_planes=istio,
        namespace=stack.istio_namespace,
        kube_version=stack.kube_version,
        mesh_config=stack.whole_mesh_config,
        common_values=stack.common_values,
        values=stack.core_values,
        pull_secret=pull_secret,
        ca_secret=secrets.ca_secret(stack.cacerts),
        data_plane=stack.data_plane,
        node_agents_namespace=stack.node_agents_namespace,
        pod_security=stack.pod_security,
        stopped=stopped,
    ),
    pulumi.ResourceOptions(
        provider=provider,
        depends_on=ordering.all_ready(crds.ready, gateway_api_crds.ready),
    ),
)

# A pod gets its sidecar when it is created: istiod comes before gateways and applications.
gateways = Gateways(
    "gateways",
    GatewaysArgs(
        proxies=istio.proxies(stack.gateway_revision),
        namespace=stack.istio_namespace,
        kube_version=stack.kube_version,
        gateways=stack.gateways,
        common_values=stack.gateway_values,
        pull_secret=pull_secret,
        pod_security=stack.pod_security,
        routing_api=stack.routing_api,
        route_namespaces=(stack.bookinfo_namespace,),
    ),
    pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
)

# Agents of the nodes follow the stack's own istiod: never newer than it.
node_agents = NodeAgents(
    "node-agents",
    NodeAgentsArgs(
        release=istio.own.release,
        namespace=stack.node_agents_namespace,
        kube_version=stack.kube_version,
        data_plane=stack.data_plane,
        common_values=stack.common_values,
        values=stack.node_agent_values,
        pull_secret=pull_secret,
    ),
    pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
)

proxies = istio.proxies(stack.bookinfo_revision)
bookinfo_namespace = InjectedNamespace(
    "bookinfo",
    InjectedNamespaceArgs(
        namespace=stack.bookinfo_namespace,
        data_plane=stack.data_plane,
        pod_security=stack.pod_security,
        pull_secret=pull_secret,
        revision=proxies.label,
    ),
    pulumi.ResourceOptions(
        provider=provider, depends_on=ordering.all_ready(core.ready, node_agents.ready)
    ),
)

# Policies are in force before the first request, and until after the last one.
security = MeshSecurity(
    "security",
    MeshSecurityArgs(
        root_namespace=stack.root_namespace,
        trust_domain=stack.trust_domain,
        mtls=stack.mtls,
        mtls_by_namespace=stack.mtls_by_namespace,
        deny_by_default=stack.deny_by_default,
        bookinfo_namespace=stack.bookinfo_namespace,
        bookinfo_versions=stack.bookinfo_versions,
        ingress=gateways.account,
    ),
    pulumi.ResourceOptions(provider=provider, depends_on=bookinfo_namespace.ready),
)

telemetry = Telemetry(
    "telemetry",
    TelemetryArgs(
        release=istio.own.release,
        context=target.context,
        namespace=stack.istio_namespace,
        root_namespace=stack.root_namespace,
        addons=stack.addons,
        access_logs=stack.access_logs,
        tracing_sampling=stack.tracing_sampling,
    ),
    pulumi.ResourceOptions(provider=provider, depends_on=core.ready),
)

bookinfo = Bookinfo(
    "bookinfo",
    BookinfoArgs(
        namespace=stack.bookinfo_namespace,
        versions=stack.bookinfo_versions,
        hub=stack.bookinfo_hub,
        tag=stack.bookinfo_tag,
        replicas=stack.bookinfo_replicas,
        resources=stack.bookinfo_resources,
        probes=stack.bookinfo_probes,
        mysql_secret=secrets.mysql_secret(stack.bookinfo_mysql_password),
        data_plane=stack.data_plane,
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
        api=stack.routing_api,
        namespace=stack.bookinfo_namespace,
        versions=stack.bookinfo_versions,
        host=stack.bookinfo_host,
        plan=stack.traffic_plan,
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
