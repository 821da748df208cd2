"""The mesh's gateways: Envoy proxies at its edge, configured by istiod."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.core.v1.outputs import ServiceStatus

from components import gateway_certificates
from components.gateway_certificates import GatewayCertificates, GatewayCertificatesArgs
from components.injected_namespace import InjectedNamespace, InjectedNamespaceArgs
from components.kubernetes_gateway import NO_ADDRESS, KubernetesGateway, KubernetesGatewayArgs
from mesh.charts.values import gateway_values, image_tag, template_mark
from mesh.istio.control_planes import Proxies
from mesh.kubernetes import ownership
from mesh.kubernetes.cluster import Cluster
from mesh.resources import chart
from mesh.resources.ready import Ready, all_ready
from mesh.settings.data_plane import DataPlane
from mesh.settings.gateway import Gateway
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class GatewaysArgs:
    """Arguments of Gateways."""

    settings: Settings
    cluster: Cluster
    proxies: Proxies
    """The proxies that the gateways run."""
    umbrella_services: Mapping[str, pulumi.Output[Service | None]] = field(default_factory=dict)
    """Services of gateways that the umbrella chart (Istio < 1.5) already created, by name."""
    scaled_to_zero: Mapping[str, int] = field(default_factory=dict)
    """Generations, by name, of Deployments that were scaled to 0: the update starts them again."""
    adopted: Collection[str] = ()
    """Namespaces that somebody else made: a destroy leaves them."""


class Gateways(pulumi.ComponentResource):
    """Every gateway, with its proxy injected and running, and the namespaces only for gateways."""

    address: pulumi.Output[str]
    """IP or host name of the ingress gateway; "none" without one, or without a load balancer."""
    addresses: pulumi.Output[dict[str, str]]
    """The address of every gateway, by its name."""
    ready: Ready
    """Every object of every gateway."""

    def __init__(
        self, name: str, args: GatewaysArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:Gateways", name, None, opts)

        namespaces = {
            namespace: InjectedNamespace(
                f"{name}-{namespace}",
                InjectedNamespaceArgs(
                    settings=args.settings,
                    namespace=namespace,
                    adopted=args.adopted,
                    # A gateway's proxy is injected, however applications join the mesh.
                    data_plane=DataPlane(injection="auto", cni=False),
                    revision=args.proxies.label,
                ),
                pulumi.ResourceOptions(parent=self),
            )
            for namespace in sorted(
                {*args.settings.gateway_namespaces} - {args.settings.istio_namespace}
            )
        }

        certificates = (
            GatewayCertificates(
                f"{name}-certificates",
                GatewayCertificatesArgs(
                    settings=args.settings,
                    namespaces={key: each.ready for key, each in namespaces.items()},
                ),
                pulumi.ResourceOptions(parent=self),
            )
            if gateway_certificates.are_wanted(args.settings)
            else None
        )

        make = _from_chart if args.settings.routing_api == "istio" else _from_gateway_api
        addresses: dict[str, pulumi.Output[str]] = {}
        readies = [namespace.ready for namespace in namespaces.values()]
        for gateway in args.settings.gateways:
            namespace = args.settings.namespace_of(gateway)
            needed = [namespaces[namespace].ready] if namespace in namespaces else []
            # A listener of the Gateway API isn't programmed without its certificate. A gateway of
            # the chart comes first: an ACME server may ask it before it issues one.
            if certificates and args.settings.routing_api == "gateway-api":
                needed.append(certificates.of(namespace, gateway))
            # Named after the gateway, not its place in the list, which may change.
            address, ready = (_from_core if gateway.name in args.umbrella_services else make)(
                gateway,
                args,
                pulumi.ResourceOptions(parent=self, depends_on=all_ready(*needed)),
            )
            addresses[gateway.name] = address
            readies.append(ready)

        ingress = args.settings.ingress
        # Without arguments, all() gives a list.
        self.addresses = (
            pulumi.Output.all(**addresses) if addresses else pulumi.Output.from_input({})
        )
        self.address = addresses[ingress.name] if ingress else pulumi.Output.from_input(NO_ADDRESS)
        self.ready = all_ready(*readies, *([certificates.ready] if certificates else []))
        self.register_outputs({"address": self.address, "addresses": self.addresses})


def _from_chart(
    gateway: Gateway, args: GatewaysArgs, opts: pulumi.ResourceOptions
) -> tuple[pulumi.Output[str], Ready]:
    namespace = args.settings.namespace_of(gateway)
    rendered = chart.make(
        gateway.name,
        chart.ChartArgs(
            path=args.proxies.release.gateway_chart,
            namespace=namespace,
            kube_version=args.settings.kube_version,
            values=gateway_values(args.settings, gateway, args.proxies),
            setting=f"gateways[{args.settings.gateways.index(gateway)}].values",
            scaled_to_zero=args.scaled_to_zero,
        ),
        opts,
    )
    service = cast(
        "pulumi.Output[Service]", rendered.get_resource("v1/Service", gateway.name, namespace)
    )
    return service.apply(lambda live: live.status).apply(_address), rendered.ready


def _from_core(
    gateway: Gateway, args: GatewaysArgs, _opts: pulumi.ResourceOptions
) -> tuple[pulumi.Output[str], Ready]:
    """Find the gateway that the umbrella chart already created."""

    def address(live: Service | None) -> pulumi.Output[str] | str:
        return live.status.apply(_address) if live else NO_ADDRESS

    return args.umbrella_services[gateway.name].apply(address), pulumi.Output.from_input([])


def _from_gateway_api(
    gateway: Gateway, args: GatewaysArgs, opts: pulumi.ResourceOptions
) -> tuple[pulumi.Output[str], Ready]:
    made = KubernetesGateway(
        gateway.name,
        KubernetesGatewayArgs(
            gateway=gateway,
            namespace=args.settings.namespace_of(gateway),
            label=args.proxies.label,
            revision=args.proxies.revision,
            version=image_tag(args.settings, args.proxies),
            template=template_mark(args.settings),
            cluster=args.cluster,
            route_namespaces=_route_namespaces(args.settings),
        ),
        opts,
    )
    return made.address, made.ready


def _route_namespaces(settings: Settings) -> dict[str, Any]:
    """Select Bookinfo's own namespace, or those of all app stacks."""
    if settings.mode == "platform":
        return {"matchLabels": ownership.APP}
    own = {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": [settings.bookinfo_namespace],
    }
    return {"matchExpressions": [own]}


def _address(status: ServiceStatus | None) -> str:
    balancer = status.load_balancer if status else None
    for point in (balancer.ingress or []) if balancer else []:
        return point.ip or point.hostname or NO_ADDRESS
    return NO_ADDRESS
