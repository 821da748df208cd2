"""Way to istiod for other clusters that it serves, through the east-west gateways."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from mesh.istio.api.networking import (
    Destination,
    Gateway,
    GatewaySpec,
    Port,
    PortSelector,
    Server,
    ServerTLS,
    TLSMatch,
    TLSRoute,
    VirtualService,
    VirtualServiceSpec,
    WeightedDestination,
)
from mesh.istio.control_planes import ControlPlane
from mesh.resources.ready import Ready
from mesh.settings.schema import Settings

PORTS: Mapping[str, tuple[int, int]] = {"tls-istiod": (15012, 15012), "tls-webhook": (15017, 443)}
"""Port of the gateway chart, and that of istiod's Service, by the name in the chart."""
ANY = ("*",)


@dataclass(frozen=True, kw_only=True)
class ExternalIstiodArgs:
    """Arguments of ExternalIstiod."""

    settings: Settings
    control_plane: ControlPlane


class ExternalIstiod(pulumi.ComponentResource):
    """A Gateway and a VirtualService for each gateway; istiod itself ends the TLS."""

    ready: Ready
    """Every Gateway and VirtualService."""

    def __init__(
        self, name: str, args: ExternalIstiodArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:ExternalIstiod", name, None, opts)

        service = f"{args.control_plane.release_name}.{args.settings.istio_namespace}"
        servers = tuple(
            Server(
                port=Port(number=number, name=port, protocol="TLS"),
                hosts=ANY,
                tls=ServerTLS(mode="PASSTHROUGH"),
            )
            for port, (number, _) in PORTS.items()
        )
        routes = tuple(
            _route(f"{service}.svc.cluster.local", *numbers) for numbers in PORTS.values()
        )
        made: list[pulumi.Resource] = []
        for gateway in args.settings.east_west:
            own = f"{name}-{gateway.name}"
            namespace = args.settings.namespace_of(gateway)
            entrance = Gateway(
                name=own,
                namespace=namespace,
                spec=GatewaySpec(selector=gateway.selector, servers=servers),
            ).make(own, pulumi.ResourceOptions(parent=self))
            way = VirtualService(
                name=own,
                namespace=namespace,
                spec=VirtualServiceSpec(hosts=ANY, gateways=(own,), tls=routes),
            ).make(own, pulumi.ResourceOptions(parent=self, depends_on=[entrance]))
            made += [entrance, way]

        self.ready = pulumi.Output.from_input(made)
        self.register_outputs({})


def _route(host: str, number: int, target: int) -> TLSRoute:
    destination = Destination(host=host, port=PortSelector(number=target))
    return TLSRoute(
        match=(TLSMatch(port=number, sni_hosts=ANY),),
        route=(WeightedDestination(destination=destination),),
    )
