"""A gateway of the Kubernetes Gateway API: istiod deploys its proxy by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from mesh.kubernetes.cluster import Cluster
from mesh.resources.proxy_rollout import ProxyRollout
from mesh.resources.ready import Ready
from mesh.settings.gateway import CLASS, HTTP_PORT, Gateway
from mesh.settings.labels import REVISION

NO_ADDRESS = "none"


@dataclass(frozen=True, kw_only=True)
class KubernetesGatewayArgs:
    """What a stack decides about one gateway."""

    gateway: Gateway
    namespace: str
    label: str | None
    """The revision or tag by which it asks for its istiod; None = the default one."""
    revision: str
    """The revision of that istiod."""
    version: str
    """The tag of its proxy's image; empty where raw values decide it."""
    template: str
    """Changes with what istiod makes the pods' template of."""
    cluster: Cluster
    route_namespaces: Mapping[str, Any]
    """A selector of the namespaces whose routes may attach to it."""


class KubernetesGateway(pulumi.ComponentResource):
    """A Gateway, and through it a Deployment and a Service `<name>-istio`, which istiod owns."""

    address: pulumi.Output[str]
    """Where it is reached: an IP or a host name."""
    ready: Ready
    """The Gateway, programmed, and all pods of its proxy."""

    def __init__(
        self, name: str, args: KubernetesGatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:KubernetesGateway", name, None, opts)

        gateway = _Gateway(
            name,
            {
                "metadata": {
                    "name": args.gateway.name,
                    "namespace": args.namespace,
                    **({"labels": {REVISION: args.label}} if args.label else {}),
                    "annotations": {
                        "networking.istio.io/service-type": args.gateway.service_type,
                        "pulumi.com/waitFor": "condition=Programmed",
                    },
                },
                "spec": {
                    "gatewayClassName": CLASS,
                    "listeners": [
                        _listener(*port, args.route_namespaces) for port in _ports(args.gateway)
                    ],
                    **_addresses(args.gateway),
                    # Without these istiod would copy the Gateway's own, Pulumi's among them.
                    "infrastructure": {"annotations": dict(args.gateway.annotations)},
                },
            },
            pulumi.ResourceOptions(parent=self),
        )

        # A Gateway stays programmed by its old pods while istiod replaces them (istio#59959).
        rollout = ProxyRollout(
            f"{name}-rollout",
            args.cluster,
            deployment=args.gateway.proxy_name("gateway-api"),
            namespace=args.namespace,
            revision=args.revision,
            version=args.version,
            template=args.template,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
        )

        self.address = gateway.status.apply(_address)
        self.ready = pulumi.Output.from_input([rollout])
        self.register_outputs({"address": self.address})


class _Gateway(pulumi.CustomResource):
    """The object; the SDK's CustomResource doesn't tell an object's status."""

    status: pulumi.Output[Mapping[str, Any] | None]

    def __init__(
        self, resource_name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        kind = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}
        super().__init__(
            f"kubernetes:{kind['apiVersion']}:{kind['kind']}",
            resource_name,
            {**kind, **manifest, "status": None},
            opts,
        )


def _addresses(gateway: Gateway) -> dict[str, Any]:
    """Return the static address that is asked for; istiod sets it as the Service's own."""
    address = gateway.load_balancer.ip
    return {"addresses": [{"type": "IPAddress", "value": address}]} if address else {}


def _ports(gateway: Gateway) -> Sequence[tuple[str, int]]:
    if gateway.ports is None:
        return [("http", HTTP_PORT)]
    return [(port.name, port.port) for port in gateway.ports]


def _listener(name: str, port: int, route_namespaces: Mapping[str, Any]) -> dict[str, Any]:
    """Return a listener for plain HTTP that takes routes from some namespaces only."""
    return {
        "name": name,
        "port": port,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "Selector", "selector": dict(route_namespaces)}},
    }


def _address(status: Mapping[str, Any] | None) -> str:
    addresses = (status or {}).get("addresses") or []
    return next((address["value"] for address in addresses), NO_ADDRESS)
