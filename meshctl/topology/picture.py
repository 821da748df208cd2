"""The picture of a mesh: gateways, services with their versions, and who calls whom."""

from dataclasses import dataclass
from typing import Literal

Mtls = Literal["strict", "permissive", "disable", "none"]
"""The mode of mutual TLS; `none` where nothing can speak it, because there is no proxy."""


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """The proxy of a version, or of a gateway."""

    kind: Literal["sidecar", "ztunnel", "gateway", "none"]
    revision: str = ""
    """The revision of its control plane, where the mesh has several."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of a service: a Deployment and its pods."""

    name: str
    proxy: Proxy
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Route:
    """The requests, or the copies of requests, that a service sends on to one of its versions."""

    version: str
    rules: tuple[str, ...] = ()
    """Who is sent there, how many, and which faults they get; empty for all requests alike."""
    is_mirror: bool = False


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service with its versions."""

    name: str
    mtls: Mtls
    versions: tuple[Version, ...]
    routes: tuple[Route, ...]
    waypoint: str = ""
    """The waypoint that requests go through in ambient mode."""
    is_closed: bool = False
    """Whether policies deny all requests but those that they allow."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """An ingress gateway with the hosts that it serves."""

    name: str
    namespace: str
    hosts: tuple[str, ...] = ()
    is_elsewhere: bool = False
    """Whether its pods aren't among the objects, such as those of an app stack's platform."""
    problems: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """Its name with its namespace: two namespaces may have gateways of one name."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """An istiod."""

    name: str
    namespace: str
    version: str
    revision: str
    problems: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """Its name with its namespace."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Call:
    """The requests of a gateway, or of one version of a service, to a service."""

    caller: str
    """The full name of a gateway, or the name of a service."""
    version: str = ""
    """The caller's version; empty for a gateway."""
    service: str
    """Its name; empty for hosts outside the mesh."""
    refusal: str = ""
    """Why they are refused; empty if they aren't."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A host outside the mesh that a ServiceEntry makes known."""

    host: str
    ports: tuple[str, ...] = ()
    """The protocol and the number of each, such as TLS 443."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is drawn."""

    namespace: str
    """The namespace of the services."""
    gateways: tuple[Gateway, ...] = ()
    services: tuple[Service, ...] = ()
    calls: tuple[Call, ...] = ()
    control_planes: tuple[ControlPlane, ...] = ()
    outside: tuple[Outside, ...] = ()

    @property
    def has_parts(self) -> bool:
        """Whether there is something to draw."""
        return bool(self.gateways or self.services or self.control_planes)
