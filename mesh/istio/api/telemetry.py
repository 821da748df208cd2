"""Istio's Telemetry API: access logs and traces of proxies, and their destinations."""

from typing import ClassVar

from .model import Model, Resource


class Provider(Model):
    """A destination: the name of one of MeshConfig's extensionProviders or of Istio's own."""

    name: str


class AccessLogging(Model):
    """Access logs: a line for each request."""

    providers: tuple[Provider, ...]


class Tracing(Model):
    """Traces of a share of the requests; without a provider, sent to the mesh's default one."""

    providers: tuple[Provider, ...] | None = None
    random_sampling_percentage: float | None = None
    """Percentage of the requests; unset = Istio's own 1."""


class TelemetrySpec(Model):
    """Spec without a selector: applies to its namespace, or in the root namespace to the mesh."""

    access_logging: tuple[AccessLogging, ...] | None = None
    tracing: tuple[Tracing, ...] | None = None


class Telemetry(Resource):
    """A Telemetry resource: access logs and traces that proxies report."""

    api_version: ClassVar[str] = "telemetry.istio.io/v1"
    kind: ClassVar[str] = "Telemetry"

    spec: TelemetrySpec
