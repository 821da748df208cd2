"""Istio's security API: mutual TLS between workloads, and authorization of requests."""

from typing import ClassVar, Literal

from pydantic import Field

from .model import Model, Resource


class WorkloadSelector(Model):
    """The pods of a namespace that have these labels."""

    match_labels: dict[str, str]


class MutualTLS(Model):
    """Mode of connections to a workload: plain (DISABLE), mutual TLS (STRICT), or both."""

    mode: Literal["DISABLE", "PERMISSIVE", "STRICT"]


class PeerAuthenticationSpec(Model):
    """Spec without a selector: applies to its namespace, or in the root namespace to the mesh."""

    mtls: MutualTLS


class PeerAuthentication(Resource):
    """A PeerAuthentication resource: the connections that workloads accept from their peers."""

    api_version: ClassVar[str] = "security.istio.io/v1"
    kind: ClassVar[str] = "PeerAuthentication"

    spec: PeerAuthenticationSpec


class Source(Model):
    """Callers, by the identity in their certificate."""

    principals: tuple[str, ...]


class From(Model):
    """One alternative for the caller."""

    source: Source


class Operation(Model):
    """Requests, by their HTTP method."""

    methods: tuple[str, ...]


class To(Model):
    """One alternative for the operation."""

    operation: Operation


class Rule(Model):
    """A rule: it matches requests by caller and operation; an unset field matches every request."""

    from_: tuple[From, ...] | None = Field(default=None, serialization_alias="from")
    to: tuple[To, ...] | None = None


class TargetRef(Model):
    """A Service or a Gateway whose waypoint enforces a policy."""

    group: str
    kind: Literal["Service", "Gateway"]
    name: str


class AuthorizationPolicySpec(Model):
    """Spec that allows requests that match a rule; without rules, it allows nothing."""

    selector: WorkloadSelector | None = None
    target_refs: tuple[TargetRef, ...] | None = None
    """Targets at a waypoint, in place of pods."""
    rules: tuple[Rule, ...] | None = None


class AuthorizationPolicy(Resource):
    """An AuthorizationPolicy: a selected workload accepts only requests that a policy allows."""

    api_version: ClassVar[str] = "security.istio.io/v1"
    kind: ClassVar[str] = "AuthorizationPolicy"

    spec: AuthorizationPolicySpec
