"""Checks of what injects sidecars: labels that prevent it, and webhooks that were deleted."""

from collections.abc import Iterator, Mapping

from mesh.charts import umbrella
from mesh.istio.control_planes import ControlPlane, ControlPlanes
from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import ownership
from mesh.settings.labels import INJECTION, REVISION
from mesh.settings.schema import Settings

Labels = Mapping[str, str | None]
"""The revision or tag that a stack labels each namespace with; None = the default revision."""


def wrong_labels(running: RunningMesh, wanted: Labels) -> Iterator[str]:
    """List namespaces whose label istio-injection, set by somebody else, prevents injection.

    Of the two labels istio-injection wins, whatever it says. The stack removes its own one, and
    leaves one that another field manager set.
    """
    for namespace, revision in wanted.items():
        if revision and (value := running.foreign_injection_labels.get(namespace)):
            yield (
                f"Namespace {namespace} is labelled {INJECTION}={value}, which overrides "
                f"{REVISION}={revision}: kubectl label namespace {namespace} {INJECTION}-"
            )


def labels_of(settings: Settings, planes: ControlPlanes) -> Labels:
    """Return the labels of the stack's namespaces with injected pods."""
    labels: dict[str, str | None] = {}
    if settings.routing_api == "istio":
        gateways = planes.proxies(settings.gateway_revision).label
        labels = dict.fromkeys(settings.gateway_namespaces, gateways)
    if settings.injection == "auto" and settings.mode == "standalone":
        labels[settings.bookinfo_namespace] = planes.proxies(settings.bookinfo_revision).label
    return labels


def deleted_injectors(
    running: RunningMesh, settings: Settings, planes: ControlPlanes
) -> Iterator[str]:
    """List revisions and tags whose istiod runs and whose webhook somebody deleted.

    `pulumi up` without --refresh doesn't recreate it. A revision's webhook comes with its istiod;
    a tag's may be about to come for the first time, so it counts once a namespace asks for it.
    """
    with_istiod = {
        istiod.revision
        for istiod in running.istiods
        if istiod.control_plane_namespace == settings.istio_namespace
        and running.owner(istiod) == ownership.stack()
    }
    there = {injector.revision for injector in running.injectors}
    asked = {plane.revision for plane in planes.all} | set(running.revision_by_namespace.values())
    for name, plane in planes.names.items():
        if (
            plane.revision in with_istiod
            and name in asked - there
            and _has_injector(plane, settings)
        ):
            yield name


def _has_injector(plane: ControlPlane, settings: Settings) -> bool:
    """Whether the release's charts bring one, as the stack sets them."""
    if plane.release.is_umbrella:
        charts = umbrella.enabled(settings, plane.release)
        return "sidecarInjectorWebhook" in {chart.name for chart in charts}
    return not settings.values.istiod.get("global", {}).get("operatorManageWebhooks")
