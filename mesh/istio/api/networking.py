"""Traffic: Gateway, VirtualService and DestinationRule."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from mesh.istio.api.model import Model, Resource


class StringMatch(Model):
    """One way to match a text."""

    exact: str | None = None
    prefix: str | None = None


class Port(Model):
    """A port that a gateway listens on."""

    number: int
    name: str
    protocol: str


class Server(Model):
    """A port of a gateway, and the hosts that are served there."""

    port: Port
    hosts: Sequence[str]


class GatewaySpec(Model):
    """The pods that serve, and what."""

    selector: Mapping[str, str]
    servers: Sequence[Server]


class Gateway(Resource):
    """Hosts that are let in from outside."""

    api_version: ClassVar[str] = "networking.istio.io/v1"
    kind: ClassVar[str] = "Gateway"

    spec: GatewaySpec


class Subset(Model):
    """Some of a host's pods, by label."""

    name: str
    labels: Mapping[str, str]


class DestinationRuleSpec(Model):
    """The parts of a host that routes name."""

    host: str
    subsets: Sequence[Subset]


class DestinationRule(Resource):
    """What routes can send requests to."""

    api_version: ClassVar[str] = "networking.istio.io/v1"
    kind: ClassVar[str] = "DestinationRule"

    spec: DestinationRuleSpec


class PortSelector(Model):
    """A port of a host."""

    number: int


class Destination(Model):
    """A host, or a subset of it."""

    host: str
    subset: str | None = None
    port: PortSelector | None = None


class WeightedDestination(Model):
    """A destination and its share of the requests."""

    destination: Destination
    weight: int | None = None


class Percent(Model):
    """A share of the requests."""

    value: float


class Delay(Model):
    """Requests that wait."""

    percentage: Percent
    fixed_delay: str


class Abort(Model):
    """Requests that are answered with an error."""

    percentage: Percent
    http_status: int


class Fault(Model):
    """What goes wrong on purpose."""

    delay: Delay | None = None
    abort: Abort | None = None


class Match(Model):
    """The requests that a route is for: all that it says must fit."""

    uri: StringMatch | None = None
    headers: Mapping[str, StringMatch] | None = None


class HTTPRoute(Model):
    """Where requests go that fit one of the matches."""

    match: Sequence[Match] | None = None
    fault: Fault | None = None
    route: Sequence[WeightedDestination]
    mirror: Destination | None = None
    mirror_percentage: Percent | None = None


class VirtualServiceSpec(Model):
    """The hosts that requests ask for, and the routes: the first that fits counts."""

    hosts: Sequence[str]
    gateways: Sequence[str] | None = None
    """Without any, the sidecars of the mesh."""
    http: Sequence[HTTPRoute]


class VirtualService(Resource):
    """Where requests for some hosts go."""

    api_version: ClassVar[str] = "networking.istio.io/v1"
    kind: ClassVar[str] = "VirtualService"

    spec: VirtualServiceSpec
