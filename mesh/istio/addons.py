"""The telemetry add-ons that releases ship as samples: what each needs, and the way to it."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Any, Literal

from mesh.validation.messages import wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mesh.settings.schema import Settings

Name = Literal["prometheus", "loki", "jaeger", "grafana", "kiali"]


@dataclass(frozen=True, kw_only=True)
class Addon:
    """One row: a sample, and its front door."""

    name: Name
    service: str
    port: int
    local_port: int
    """Where a person's own machine has it, while they forward the port."""
    path: str = ""
    needs: tuple[Name, ...] = ()
    """Those whose data it shows."""

    def way(self, context: str, namespace: str) -> str:
        """Return the command that opens the way to it, and the address to look at then."""
        return (
            f"kubectl --context {quote(context)} --namespace {namespace} port-forward "
            f"service/{self.service} {self.local_port}:{self.port}"
            f"  # http://localhost:{self.local_port}{self.path}"
        )


ADDONS = (
    Addon(name="prometheus", service="prometheus", port=9090, local_port=9090),
    Addon(name="loki", service="loki", port=3100, local_port=3100, path="/ready"),
    Addon(name="jaeger", service="tracing", port=80, local_port=16686, path="/jaeger"),
    Addon(
        name="grafana",
        service="grafana",
        port=3000,
        local_port=3000,
        needs=("prometheus",),
    ),
    Addon(
        name="kiali",
        service="kiali",
        port=20001,
        local_port=20001,
        path="/kiali",
        needs=("prometheus",),
    ),
)
"""In an order in which each comes after those that it needs."""

JAEGER_PROVIDER = "jaeger"


def jaeger_provider(namespace: str) -> dict[str, Any]:
    """Return the provider of traces that MeshConfig has when Jaeger is chosen."""
    return {
        "name": JAEGER_PROVIDER,
        "opentelemetry": {
            "service": f"jaeger-collector.{namespace}.svc.cluster.local",
            "port": 4317,
        },
    }


def contradictions(stack: Settings, prefix: str) -> Iterator[str]:
    """Name the values that are fine alone and wrong together."""
    mesh_config = f"{prefix}meshConfig"
    for addon in ADDONS:
        for need in set(addon.needs) - stack.addons if addon.name in stack.addons else ():
            yield wrong(
                f"{prefix}addons",
                f"{addon.name} shows the data of {need}: add {need}, or drop {addon.name}",
                sorted(stack.addons),
            )
    jaeger = "jaeger" in stack.addons
    if stack.tracing_sampling is not None and not jaeger and not _traces_already(stack.mesh_config):
        yield wrong(
            f"{prefix}tracingSampling",
            f"needs a place to send traces to: add jaeger to {prefix}addons, or name a provider "
            f"in {mesh_config}.defaultProviders.tracing",
            stack.tracing_sampling,
        )
    if jaeger and JAEGER_PROVIDER in _providers(stack.mesh_config):
        yield wrong(
            f"{mesh_config}.extensionProviders",
            f"has a provider that comes with jaeger in {prefix}addons: rename it, or drop one",
            JAEGER_PROVIDER,
        )


def _traces_already(mesh_config: Mapping[str, Any]) -> bool:
    # What isn't shaped like a MeshConfig is reported by mesh.validation.mesh_config.
    defaults = mesh_config.get("defaultProviders")
    return isinstance(defaults, dict) and bool(defaults.get("tracing"))


def _providers(mesh_config: Mapping[str, Any]) -> list[Any]:
    listed = mesh_config.get("extensionProviders")
    listed = listed if isinstance(listed, list) else []
    return [provider.get("name") for provider in listed if isinstance(provider, dict)]
