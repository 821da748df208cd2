"""Entrance for requests from other networks of the mesh, on its east-west gateways."""

from dataclasses import dataclass

import pulumi

from mesh.istio.api.networking import Gateway, GatewaySpec, Port, Server, ServerTLS
from mesh.resources.ready import Ready
from mesh.settings.schema import Settings

PORT = Port(number=15443, name="tls", protocol="TLS")
"""Port that istiod sends requests from other networks to (the gateway chart's `tls`)."""
HOSTS = ("*.local",)
"""Services of the mesh."""


@dataclass(frozen=True, kw_only=True)
class CrossNetworkGatewayArgs:
    """Arguments of CrossNetworkGateway."""

    settings: Settings


class CrossNetworkGateway(pulumi.ComponentResource):
    """A Gateway that passes on mutual TLS to the service in its SNI, for each such gateway."""

    ready: Ready
    """Every Gateway."""

    def __init__(
        self, name: str, args: CrossNetworkGatewayArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:CrossNetworkGateway", name, None, opts)

        passthrough = Server(port=PORT, hosts=HOSTS, tls=ServerTLS(mode="AUTO_PASSTHROUGH"))
        made = [
            Gateway(
                name=f"{name}-{gateway.name}",
                namespace=args.settings.namespace_of(gateway),
                spec=GatewaySpec(selector=gateway.selector, servers=(passthrough,)),
            ).make(f"{name}-{gateway.name}", pulumi.ResourceOptions(parent=self))
            for gateway in args.settings.east_west
        ]

        self.ready = pulumi.Output.from_input(made)
        self.register_outputs({})
