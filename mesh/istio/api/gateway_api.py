"""The Kubernetes Gateway API as typed models: the parts of HTTPRoute that this program writes."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from mesh.istio.api.model import Model, Resource


class ParentRef(Model):
    """The object that a route is attached to: a Gateway, unless `kind` is set."""

    group: str | None = None
    kind: str | None = None
    name: str
    namespace: str | None = None
    section_name: str | None = None
    """Listener of the Gateway; unset = all."""
    port: int | None = None


class PathMatch(Model):
    """A match of a path: exact, or by its prefix."""

    type: Literal["Exact", "PathPrefix"]
    value: str


class HeaderMatch(Model):
    """A header with exactly this value."""

    name: str
    value: str


class Match(Model):
    """A condition on requests: all of its fields must match."""

    path: PathMatch | None = None
    headers: Sequence[HeaderMatch] | None = None


class BackendRef(Model):
    """A Service and its share of the requests."""

    name: str
    port: int
    weight: int | None = None


class RequestMirror(Model):
    """The backend that gets a copy of a share of the requests."""

    backend_ref: BackendRef
    percent: int


class RequestRedirect(Model):
    """The answer that sends a client to another scheme and port."""

    scheme: Literal["https"]
    port: int
    status_code: int


class Filter(Model):
    """A filter that processes requests: it mirrors them, or redirects their clients."""

    type: Literal["RequestMirror", "RequestRedirect"]
    request_mirror: RequestMirror | None = None
    request_redirect: RequestRedirect | None = None


class Rule(Model):
    """Backends of the requests that fit one of the matches."""

    matches: Sequence[Match] | None = None
    filters: Sequence[Filter] | None = None
    backend_refs: Sequence[BackendRef] | None = None


class HTTPRouteSpec(Model):
    """The route's parents and its rules; the rule with the most specific match applies."""

    parent_refs: Sequence[ParentRef]
    hostnames: Sequence[str] | None = None
    rules: Sequence[Rule]


class HTTPRoute(Resource):
    """An HTTPRoute resource: the routes of requests to a Gateway or to a Service."""

    api_version: ClassVar[str] = "gateway.networking.k8s.io/v1"
    kind: ClassVar[str] = "HTTPRoute"

    spec: HTTPRouteSpec
