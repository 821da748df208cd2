"""Injectors that somebody deleted: Pulumi's state still has them, so a plain update passes by."""

from collections.abc import Iterator

from mesh.charts import umbrella
from mesh.istio.control_planes import ControlPlane, ControlPlanes
from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import ownership
from mesh.settings.schema import Settings


def gone(mesh: RunningMesh, stack: Settings, planes: ControlPlanes) -> Iterator[str]:
    """Name each revision or tag whose istiod runs and that has no injector any more.

    A revision's comes with its istiod. A tag's may be about to come for the first time: it is
    missed as soon as a namespace asks for it.
    """
    running = {
        istiod.answers_to
        for istiod in mesh.istiods
        if istiod.home == stack.istio_namespace and mesh.owner(istiod) == ownership.stack()
    }
    there = {injector.answers_to for injector in mesh.injectors}
    asked = {plane.revision for plane in planes.all} | set(mesh.asked_for.values())
    for name, plane in planes.names.items():
        if plane.revision in running and name in asked - there and _has_injector(plane, stack):
            yield name


def _has_injector(plane: ControlPlane, stack: Settings) -> bool:
    """Whether the release's charts bring one, as the stack sets them."""
    if plane.release.is_umbrella:
        charts = umbrella.enabled(stack, plane.release)
        return "sidecarInjectorWebhook" in {chart.name for chart in charts}
    return not stack.values.istiod.get("global", {}).get("operatorManageWebhooks")
