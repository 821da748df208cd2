"""The mesh's gateways: Envoy proxies at its edge, configured by istiod."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import pulumi
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.core.v1.outputs import ServiceStatus

from mesh import chart
from mesh.ordering import Ready
from mesh.release import Release

INGRESS = "istio-ingressgateway"
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class GatewaysArgs:
    """What a stack decides about its gateways."""

    release: Release
    namespace: str
    kube_version: str
    ingress_service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"]


class Gateways(pulumi.ComponentResource):
    """The ingress gateway, its proxy injected and running."""

    account: tuple[str, str]
    """Namespace and name of the ingress gateway's ServiceAccount."""
    address: pulumi.Output[str]
    """The ingress gateway's IP or host name; "unknown" without a load balancer."""
    ingress: str
    """The ingress gateway's name."""
    selector: Mapping[str, str]
    """The labels of its pods, by which Istio's Gateways find it."""
    ready: Ready
    """Every object of the gateway's chart."""

    def __init__(
        self, name: str, args: GatewaysArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:Gateways", name, None, opts)

        ingress = chart.make(
            INGRESS,
            chart.ChartArgs(
                path=args.release.gateway_chart,
                namespace=args.namespace,
                kube_version=args.kube_version,
                values={"service": {"type": args.ingress_service_type}},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        service = cast(
            "pulumi.Output[Service]", ingress.get_resource("v1/Service", INGRESS, args.namespace)
        )

        # The chart gives it the release's name.
        self.account = (args.namespace, INGRESS)
        self.address = service.apply(lambda live: live.status).apply(_address)
        self.ingress = INGRESS
        self.selector = {"istio": INGRESS.removeprefix("istio-")}
        self.ready = ingress.ready
        self.register_outputs({"address": self.address})


def _address(status: ServiceStatus | None) -> str:
    balancer = status.load_balancer if status else None
    for point in (balancer.ingress or []) if balancer else []:
        return point.ip or point.hostname or UNKNOWN
    return UNKNOWN
