"""A gateway of the Kubernetes Gateway API: istiod deploys its proxy by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from mesh.kubernetes.cluster import Cluster
from mesh.resources.proxy_rollout import ProxyRollout
from mesh.resources.ready import Ready
from mesh.settings.gateway import CLASS, HTTP_PORT, TLS, Gateway, Port
from mesh.settings.labels import REVISION

NO_ADDRESS = "none"
TERMINATE_MODE = "gateway.istio.io/tls-terminate-mode"
"""Option of a listener with which istiod asks clients for a certificate."""


@dataclass(frozen=True, kw_only=True)
class KubernetesGatewayArgs:
    """Arguments of KubernetesGateway."""

    gateway: Gateway
    namespace: str
    label: str | None
    """The revision or tag of its istiod, set as a label; None = the default one."""
    revision: str
    """The revision of that istiod."""
    version: str
    """The tag of its proxy's image; empty when raw values set the image."""
    template: str
    """Hash of the values that istiod renders the pod template with."""
    cluster: Cluster
    route_namespaces: Mapping[str, Any]
    """A selector of the namespaces that may attach routes to it."""


class KubernetesGateway(pulumi.ComponentResource):
    """A Gateway; istiod creates and owns its Deployment and Service `<name>-istio`."""

    address: pulumi.Output[str]
    """IP or host name of the gateway."""
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
                        _listener(port, args.route_namespaces) for port in _ports(args.gateway)
                    ],
                    **_addresses(args.gateway),
                    # Without these, istiod copies the Gateway's own annotations, Pulumi's too.
                    "infrastructure": {"annotations": dict(args.gateway.annotations)},
                },
            },
            pulumi.ResourceOptions(parent=self),
        )

        # Old pods keep a Gateway Programmed while istiod replaces them (istio#59959).
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
    """The Gateway object; the SDK's own CustomResource has no output for the status."""

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
    """Return the static address in the settings; istiod sets it on the Service."""
    address = gateway.load_balancer.ip
    return {"addresses": [{"type": "IPAddress", "value": address}]} if address else {}


def _ports(gateway: Gateway) -> Sequence[Port]:
    return gateway.ports or [Port(name="http", port=HTTP_PORT)]


def _listener(port: Port, route_namespaces: Mapping[str, Any]) -> dict[str, Any]:
    """Return a listener that takes routes from some namespaces only."""
    return {
        "name": port.name,
        "port": port.port,
        **(_tls(port.tls) if port.tls else {"protocol": "HTTP"}),
        "allowedRoutes": {"namespaces": {"from": "Selector", "selector": dict(route_namespaces)}},
    }


def _tls(tls: TLS) -> dict[str, Any]:
    """Return a listener's protocol and TLS; Istio has an option for modes that the API lacks."""
    if tls.mode == "PASSTHROUGH":
        return {"protocol": "TLS", "tls": {"mode": "Passthrough"}}
    options = {} if tls.mode == "SIMPLE" else {"options": {TERMINATE_MODE: tls.mode}}
    references = [{"name": tls.credential_name}]
    return {
        "protocol": "HTTPS",
        "tls": {"mode": "Terminate", "certificateRefs": references, **options},
    }


def _address(status: Mapping[str, Any] | None) -> str:
    addresses = (status or {}).get("addresses") or []
    return next((address["value"] for address in addresses), NO_ADDRESS)
