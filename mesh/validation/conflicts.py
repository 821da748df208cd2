"""What is wrong between the settings of a stack, or between them and an Istio release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesh.bookinfo import services
from mesh.charts import required_apis, umbrella
from mesh.istio import addons
from mesh.settings import (
    data_plane,
    revisions,
    security,
    traffic_plan,
)
from mesh.settings import (
    gateway as gateway_settings,
)
from mesh.validation import chart_values, mesh_config, messages, profiles

if TYPE_CHECKING:
    from mesh.istio.release import Release
    from mesh.settings.schema import Settings


def between(prefix: str, settings: Settings) -> list[str]:
    """Name the values that are fine alone and wrong together."""
    found = []
    if settings.bookinfo_namespace == settings.istio_namespace:
        found.append(
            f"{prefix}bookinfoNamespace: must differ from {prefix}istioNamespace, "
            f"whose pods get no sidecar, got {settings.bookinfo_namespace!r} for both"
        )
    if settings.kubeconfig and not settings.context:
        found.append(
            f"{prefix}kubeconfig: needs {prefix}context, the context to use in that file, "
            f"got '{settings.kubeconfig}' alone"
        )
    found += data_plane.contradictions(settings, prefix)
    found += security.contradictions(settings, prefix)
    found += addons.contradictions(settings, prefix)
    found += traffic_plan.contradictions(
        f"{prefix}trafficPlan",
        settings.traffic_plan,
        settings.bookinfo_versions,
        faults=settings.routing_api == "istio",
    )
    found += services.contradictions(settings, prefix)
    found += [
        messages.wrong(messages.below(f"{prefix}gateways", *steps), rule, got)
        for steps, rule, got in gateway_settings.contradictions(
            settings.gateways, settings.routing_api, taken=settings.bookinfo_namespace
        )
    ]
    return found + _revisions(prefix, settings)


def _revisions(prefix: str, settings: Settings) -> list[str]:
    """Name what is wrong between the control planes, their tags and those who use them."""
    own, canary = settings.revision or revisions.DEFAULT, settings.canary
    if canary and canary.revision == own:
        return [
            messages.wrong(f"{prefix}canary.revision", f"must differ from {prefix}revision", own)
        ]
    versions, tags = {own: settings.istio_version}, settings.revision_tags
    if canary:
        versions[canary.revision] = canary.istio_version
    if platform := settings.platform_contract:
        versions, tags = dict(platform.versions), dict(platform.revision_tags)
    uses = {
        "gatewayRevision": settings.gateway_revision,
        "bookinfoRevision": settings.bookinfo_revision,
    }
    found = revisions.contradictions(versions, tags, uses)
    return [
        messages.wrong(messages.below(f"{prefix}{key}", *steps), rule, got)
        for (key, *steps), rule, got in found
    ]


def with_release(prefix: str, settings: Settings, istio: Release) -> list[str]:
    """List what the release doesn't know."""
    if istio.is_umbrella:
        found = umbrella.mistakes(prefix, settings, istio)
        # Which parts the stack has is known when its profile is.
        return found or required_apis.mistakes(prefix, settings, istio)
    chosen = {
        "profile": settings.profile,
        "platform": settings.platform,
        "compatibilityVersion": settings.compatibility_version,
    }
    early = [
        messages.wrong(
            f"{prefix}values.{umbrella.NAME}",
            f"is for releases before 1.5, this is {istio.version}: set values.istiod",
            settings.values.istio,
        )
    ]
    return [
        *(early if settings.values.istio else ()),
        *required_apis.mistakes(prefix, settings, istio),
        *mesh_config.mistakes(istio.version, settings.mesh_config, f"{prefix}meshConfig"),
        *profiles.mistakes(istio.istiod_chart, chosen, prefix),
        *chart_values.mistakes(istio.base_chart, settings.values.base, f"{prefix}values.base"),
        *chart_values.mistakes(
            istio.istiod_chart, settings.values.istiod, f"{prefix}values.istiod"
        ),
        *(
            mistake
            for index, gateway in enumerate(settings.gateways)
            for mistake in chart_values.mistakes(
                istio.gateway_chart,
                gateway.values,
                messages.below(f"{prefix}gateways", index, "values"),
                {**chart_values.OWNED, **gateway_settings.OWNED},
            )
        ),
        *(
            mistake
            for agent, values in settings.node_agent_values.items()
            if values
            for mistake in chart_values.mistakes(
                istio.node_agent_chart(agent), values, f"{prefix}values.{agent.split('-')[-1]}"
            )
        ),
    ]
