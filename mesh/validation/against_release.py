"""Checks of a stack's settings against an Istio release on disk."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.charts import required_apis, umbrella, values
from mesh.istio import versions
from mesh.istio.release import Release, has_chart
from mesh.settings.paths import Step
from mesh.settings.schema import Settings
from mesh.validation import chart_values, mesh_config, profiles
from mesh.validation import umbrella as umbrella_checks
from mesh.validation.mistake import Mistake

GONE_VARIABLES = {"PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY": (1, 31)}
"""Variables of istiod, and the first minor that doesn't read them (its upgrade notes)."""
GATEWAY_OWNED = {
    **chart_values.OWNED,
    "name": "is the gateway's own name",
    "revision": "is decided by the program, by the control planes of the stack",
}
"""Raw values of the gateway chart that the program decides."""


def conflicts(settings: Settings, release: Release) -> list[Mistake]:
    """List settings that the release lacks: values, MeshConfig fields, profiles, node agents."""
    if release.is_umbrella:
        found = umbrella_checks.conflicts(settings, release)
        # The profile decides the stack's parts: it must be valid first.
        return found or _kubernetes(settings, release)
    return [
        *_values_of_another_generation(settings, release),
        *_kubernetes(settings, release),
        *mesh_config.conflicts(release.version, settings.mesh_config, ("meshConfig",)),
        *profiles.conflicts(settings, release.istiod_chart),
        *_node_agents(settings, release),
        *_chart_values(settings, release),
        *gone_variables(settings, release),
        *_proxy_configs(settings, release),
    ]


def _kubernetes(settings: Settings, release: Release) -> list[Mistake]:
    lacking = required_apis.unserved(settings, release, settings.kube_version)
    if not lacking:
        return []
    rule = f"must serve the APIs that Istio {release.version} needs"
    return [Mistake(("kubeVersion",), rule, settings.kube_version, tuple(lacking))]


def _values_of_another_generation(settings: Settings, release: Release) -> list[Mistake]:
    if not settings.values.istio:
        return []
    rule = f"is for releases before 1.5, this is {release.version}: set values.istiod"
    return [Mistake(("values", umbrella.NAME), rule, settings.values.istio)]


def _node_agents(settings: Settings, release: Release) -> list[Mistake]:
    ambient = settings.data_plane.is_ambient
    key, got = ("injection", settings.injection) if ambient else ("cni", settings.cni)
    return [
        Mistake(
            (key,),
            f"needs the chart of {agent}, and Istio {release.version} on disk lacks {chart}: get a "
            "release that has it, or do without: pulumi config set injection auto, pulumi config "
            "set cni false",
            got,
        )
        for agent in settings.data_plane.node_agents
        if not has_chart(chart := release.node_agent_chart(agent))
    ]


def gone_variables(settings: Settings, release: Release) -> Iterator[Mistake]:
    """List variables of istiod that its release no longer reads."""
    raw = settings.values.istiod
    below = {("env",): raw.get("env"), ("pilot", "env"): (raw.get("pilot") or {}).get("env")}
    minor = (versions.parse(release.version) or ())[:2]
    for steps, variables in below.items():
        for name, gone in GONE_VARIABLES.items():
            if name in (variables or {}) and minor >= gone:
                yield Mistake(
                    ("values", "istiod", *steps, name),
                    f"is no longer read since Istio {gone[0]}.{gone[1]} (upgrade notes): remove it",
                    (variables or {})[name],
                )


def _proxy_configs(settings: Settings, release: Release) -> Iterator[Mistake]:
    places = {("values",): settings.values.model_dump()}
    for index, gateway in enumerate(settings.gateways):
        places["gateways", index, "values"] = gateway.values
        places["gateways", index, "annotations"] = dict(gateway.annotations)
    for path, given in places.items():
        yield from mesh_config.annotation_conflicts(release.version, given, path)


def _chart_values(settings: Settings, release: Release) -> list[Mistake]:
    charts = {
        "values.base": release.base_chart,
        "values.istiod": release.istiod_chart,
        "gateways[].values": release.gateway_chart,
        **{
            f"values.{agent.split('-')[-1]}": chart
            for agent in values.raw_node_agent_values(settings)
            if has_chart(chart := release.node_agent_chart(agent))
        },
    }

    def found(
        setting: str, given: dict[str, Any], path: tuple[Step, ...], owned: Mapping[str, str]
    ) -> list[Mistake]:
        others = {other: chart for other, chart in charts.items() if other != setting}
        return chart_values.conflicts(charts[setting], given, path, owned, others)

    mistakes = []
    for chart, given in settings.values.model_dump().items():
        if f"values.{chart}" in charts:
            mistakes += found(f"values.{chart}", given, ("values", chart), chart_values.OWNED)
    for index, gateway in enumerate(settings.gateways):
        path = ("gateways", index, "values")
        mistakes += found("gateways[].values", gateway.values, path, GATEWAY_OWNED)
    return mistakes
