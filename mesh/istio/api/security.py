"""Istio's security API: who may speak to whom, and how."""

from typing import ClassVar, Literal

from pydantic import Field

from .model import Model, Resource


class WorkloadSelector(Model):
    """The pods of a namespace that bear these labels."""

    match_labels: dict[str, str]


class MutualTLS(Model):
    """How a workload takes connections: encrypted and identified, plain, or both."""

    mode: Literal["DISABLE", "PERMISSIVE", "STRICT"]


class PeerAuthenticationSpec(Model):
    """Without a selector it holds for its namespace; in the root namespace, for the mesh."""

    mtls: MutualTLS


class PeerAuthentication(Resource):
    """What workloads accept from their peers."""

    api_version: ClassVar[str] = "security.istio.io/v1"
    kind: ClassVar[str] = "PeerAuthentication"

    spec: PeerAuthenticationSpec


class Source(Model):
    """Callers, by the identity in their certificate."""

    principals: tuple[str, ...]


class From(Model):
    """One alternative of who calls."""

    source: Source


class Operation(Model):
    """Requests, by their HTTP method."""

    methods: tuple[str, ...]


class To(Model):
    """One alternative of what is asked for."""

    operation: Operation


class Rule(Model):
    """A request matches when its caller and what it asks for do; what is not given, always does."""

    from_: tuple[From, ...] | None = Field(default=None, serialization_alias="from")
    to: tuple[To, ...] | None = None


class AuthorizationPolicySpec(Model):
    """Allows what a rule matches; without a rule, nothing."""

    selector: WorkloadSelector | None = None
    rules: tuple[Rule, ...] | None = None


class AuthorizationPolicy(Resource):
    """What workloads let through: as soon as one selects a workload, only what one allows."""

    api_version: ClassVar[str] = "security.istio.io/v1"
    kind: ClassVar[str] = "AuthorizationPolicy"

    spec: AuthorizationPolicySpec
