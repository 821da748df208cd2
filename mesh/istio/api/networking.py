"""Istio's networking API: Gateway, VirtualService and DestinationRule."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from mesh.istio.api.model import Model, Resource


class StringMatch(Model):
    """A match of a text: exact, or by its prefix."""

    exact: str | None = None
    prefix: str | None = None


class Port(Model):
    """A port that a gateway listens on."""

    number: int
    name: str
    protocol: str


class ServerTLS(Model):
    """TLS of a port: a redirect to HTTPS, or its mode and certificate."""

    https_redirect: bool | None = None
    mode: str | None = None
    credential_name: str | None = None
    min_protocol_version: str | None = None


class Server(Model):
    """A port of a gateway, and the hosts that are served there."""

    port: Port
    hosts: Sequence[str]
    tls: ServerTLS | None = None


class GatewaySpec(Model):
    """The gateway's pods, and the ports and hosts that they serve."""

    selector: Mapping[str, str]
    servers: Sequence[Server]


class Gateway(Resource):
    """A Gateway resource: the hosts that requests from outside can reach."""

    api_version: ClassVar[str] = "networking.istio.io/v1"
    kind: ClassVar[str] = "Gateway"

    spec: GatewaySpec


class Subset(Model):
    """Some of a host's pods, by label."""

    name: str
    labels: Mapping[str, str]


class DestinationRuleSpec(Model):
    """The subsets of a host, for routes to refer to."""

    host: str
    subsets: Sequence[Subset]


class DestinationRule(Resource):
    """A DestinationRule resource: the subsets that routes can send requests to."""

    api_version: ClassVar[str] = "networking.istio.io/v1"
    kind: ClassVar[str] = "DestinationRule"

    spec: DestinationRuleSpec


class ServiceEntrySpec(Model):
    """Hosts outside the mesh, and the namespaces that know them."""

    hosts: Sequence[str]
    ports: Sequence[Port]
    location: str
    resolution: str
    export_to: Sequence[str]


class ServiceEntry(Resource):
    """A ServiceEntry resource: hosts that proxies know although no Service has them."""

    api_version: ClassVar[str] = "networking.istio.io/v1"
    kind: ClassVar[str] = "ServiceEntry"

    spec: ServiceEntrySpec


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
    """A delay of a share of the requests."""

    percentage: Percent
    fixed_delay: str


class Abort(Model):
    """An error response to a share of the requests."""

    percentage: Percent
    http_status: int


class Fault(Model):
    """Faults that are injected on purpose: a delay, an abort, or both."""

    delay: Delay | None = None
    abort: Abort | None = None


class Match(Model):
    """A condition on requests: all of its fields must match."""

    uri: StringMatch | None = None
    headers: Mapping[str, StringMatch] | None = None


class HTTPRoute(Model):
    """Destinations of the requests that fit one of the matches."""

    match: Sequence[Match] | None = None
    fault: Fault | None = None
    route: Sequence[WeightedDestination]
    mirror: Destination | None = None
    mirror_percentage: Percent | None = None


class TLSMatch(Model):
    """A condition on connections with TLS: the port, and the host names in the SNI."""

    port: int
    sni_hosts: Sequence[str]


class TLSRoute(Model):
    """Destinations of the connections that fit one of the matches."""

    match: Sequence[TLSMatch]
    route: Sequence[WeightedDestination]


class VirtualServiceSpec(Model):
    """The requested hosts and their routes; the first route that matches applies."""

    hosts: Sequence[str]
    gateways: Sequence[str] | None = None
    """Gateways that apply the routes; unset = the sidecars of the mesh."""
    http: Sequence[HTTPRoute] | None = None
    tls: Sequence[TLSRoute] | None = None


class VirtualService(Resource):
    """A VirtualService resource: the routes of requests to some hosts."""

    api_version: ClassVar[str] = "networking.istio.io/v1"
    kind: ClassVar[str] = "VirtualService"

    spec: VirtualServiceSpec
