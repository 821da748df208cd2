"""Istio's Telemetry API: what proxies report, and where to."""

from typing import ClassVar

from .model import Model, Resource


class Provider(Model):
    """A destination, by its name among MeshConfig's extensionProviders or Istio's own."""

    name: str


class AccessLogging(Model):
    """A line for each request."""

    providers: tuple[Provider, ...]


class Tracing(Model):
    """Spans for a part of the requests; without a provider, to the mesh's default one."""

    providers: tuple[Provider, ...] | None = None
    random_sampling_percentage: float | None = None
    """Not given: Istio's own 1."""


class TelemetrySpec(Model):
    """Without a selector it holds for its namespace; in the root namespace, for the mesh."""

    access_logging: tuple[AccessLogging, ...] | None = None
    tracing: tuple[Tracing, ...] | None = None


class Telemetry(Resource):
    """What proxies report."""

    api_version: ClassVar[str] = "telemetry.istio.io/v1"
    kind: ClassVar[str] = "Telemetry"

    spec: TelemetrySpec
