"""Checks of sidecar injection: labels that prevent it, and webhooks that were deleted."""

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
    """List namespaces where another tool set a label istio-injection that prevents injection.

    Any value of istio-injection overrides istio.io/rev. The stack removes the label if it set it,
    and leaves it if another field manager did.
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
    for namespace, wanted in settings.mesh_namespaces.items():
        if wanted.injection == "auto":
            labels[namespace] = planes.proxies(wanted.revision).label
    return labels


def deleted_injectors(
    running: RunningMesh, settings: Settings, planes: ControlPlanes
) -> Iterator[str]:
    """List revisions and tags with a running istiod and a deleted injection webhook.

    `pulumi up` without --refresh doesn't recreate it. A revision's webhook is created with its
    istiod. A tag's may not have been created yet, so it counts only if a namespace uses the tag.
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
    """Return whether the release's charts create an injector, with the stack's values."""
    if plane.release.is_umbrella:
        charts = umbrella.enabled(settings, plane.release)
        return "sidecarInjectorWebhook" in {chart.name for chart in charts}
    return not settings.values.istiod.get("global", {}).get("operatorManageWebhooks")
