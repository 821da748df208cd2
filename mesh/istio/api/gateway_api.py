"""The Kubernetes Gateway API as typed models: the parts of HTTPRoute that this program writes."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from mesh.istio.api.model import Model, Resource


class ParentRef(Model):
    """What a route is attached to: a Gateway unless it says otherwise."""

    group: str | None = None
    kind: str | None = None
    name: str
    namespace: str | None = None
    port: int | None = None


class PathMatch(Model):
    """One way to match a path."""

    type: Literal["Exact", "PathPrefix"]
    value: str


class HeaderMatch(Model):
    """A header with exactly this value."""

    name: str
    value: str


class Match(Model):
    """The requests that a rule is for: all that it says must fit."""

    path: PathMatch | None = None
    headers: Sequence[HeaderMatch] | None = None


class BackendRef(Model):
    """A Service and its share of the requests."""

    name: str
    port: int
    weight: int | None = None


class RequestMirror(Model):
    """A copy of some requests."""

    backend_ref: BackendRef
    percent: int


class Filter(Model):
    """What is done with a request on its way."""

    type: Literal["RequestMirror"] = "RequestMirror"
    request_mirror: RequestMirror


class Rule(Model):
    """Where requests go that fit one of the matches."""

    matches: Sequence[Match] | None = None
    filters: Sequence[Filter] | None = None
    backend_refs: Sequence[BackendRef]


class HTTPRouteSpec(Model):
    """What it is attached to, and its rules: the most specific match counts."""

    parent_refs: Sequence[ParentRef]
    hostnames: Sequence[str] | None = None
    rules: Sequence[Rule]


class HTTPRoute(Resource):
    """Where requests to a Gateway or to a Service go."""

    api_version: ClassVar[str] = "gateway.networking.k8s.io/v1"
    kind: ClassVar[str] = "HTTPRoute"

    spec: HTTPRouteSpec
