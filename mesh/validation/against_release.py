"""Checks of a stack's settings against an Istio release on disk."""

from mesh.charts import required_apis, umbrella, values
from mesh.istio.release import Release, has_chart
from mesh.settings.schema import Settings
from mesh.validation import chart_values, mesh_config, profiles
from mesh.validation import umbrella as umbrella_checks
from mesh.validation.mistake import Mistake

GATEWAY_OWNED = {
    **chart_values.OWNED,
    "name": "is the gateway's own name",
    "revision": "is decided by the program, by the control planes of the stack",
}
"""Raw values of the gateway chart that the program decides."""


def conflicts(settings: Settings, release: Release) -> list[Mistake]:
    """List what the release doesn't know: values, MeshConfig fields, profiles, node agents."""
    if release.is_umbrella:
        found = umbrella_checks.conflicts(settings, release)
        # Which parts the stack has is known when its profile is.
        return found or _kubernetes(settings, release)
    return [
        *_values_of_another_generation(settings, release),
        *_kubernetes(settings, release),
        *mesh_config.conflicts(release.version, settings.mesh_config, ("meshConfig",)),
        *profiles.conflicts(settings, release.istiod_chart),
        *_node_agents(settings, release),
        *_chart_values(settings, release),
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


def _chart_values(settings: Settings, release: Release) -> list[Mistake]:
    found = [
        *chart_values.conflicts(release.base_chart, settings.values.base, ("values", "base")),
        *chart_values.conflicts(release.istiod_chart, settings.values.istiod, ("values", "istiod")),
    ]
    for index, gateway in enumerate(settings.gateways):
        path = ("gateways", index, "values")
        found += chart_values.conflicts(release.gateway_chart, gateway.values, path, GATEWAY_OWNED)
    for agent, given in values.raw_node_agent_values(settings).items():
        chart = release.node_agent_chart(agent)
        if has_chart(chart):
            found += chart_values.conflicts(chart, given, ("values", agent.split("-")[-1]))
    return found
