"""Conflicts between add-ons, tracing, and the mesh config."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.istio.addons import ADDONS, JAEGER_PROVIDER
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List conflicts between telemetry settings."""
    for addon in ADDONS:
        for need in set(addon.needs) - settings.addons if addon.name in settings.addons else ():
            yield Mistake(
                ("addons",),
                f"{addon.name} shows the data of {need}: add {need}, or drop {addon.name}",
                sorted(settings.addons),
            )
    jaeger = "jaeger" in settings.addons
    sampling = settings.tracing_sampling
    if sampling is not None and not jaeger and not _has_tracing_provider(settings.mesh_config):
        yield Mistake(
            ("tracingSampling",),
            "needs a place to send traces to: add jaeger to mesh:addons, or name a provider "
            "in mesh:meshConfig.defaultProviders.tracing",
            sampling,
        )
    if jaeger and JAEGER_PROVIDER in _providers(settings.mesh_config):
        yield Mistake(
            ("meshConfig", "extensionProviders"),
            "has a provider of the name that jaeger in mesh:addons adds: rename it, or drop one",
            JAEGER_PROVIDER,
        )


def _has_tracing_provider(mesh_config: Mapping[str, Any]) -> bool:
    # mesh.validation.mesh_config reports values of a wrong type.
    defaults = mesh_config.get("defaultProviders")
    return isinstance(defaults, dict) and bool(defaults.get("tracing"))


def _providers(mesh_config: Mapping[str, Any]) -> list[Any]:
    listed = mesh_config.get("extensionProviders")
    listed = listed if isinstance(listed, list) else []
    return [provider.get("name") for provider in listed if isinstance(provider, dict)]
