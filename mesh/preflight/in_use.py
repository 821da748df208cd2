"""Revisions and tags that the stack would remove while pods or namespaces still use them."""

from collections.abc import Iterator

from mesh.istio.control_planes import ControlPlanes
from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import ownership
from mesh.settings.schema import Settings

SHOWN = 20  # pods; there may be thousands


def removed(running: RunningMesh, planes: ControlPlanes) -> set[str]:
    """Return the stack's revisions and tags that run now and that it no longer wants."""
    objects = (*running.istiods, *running.injectors)
    own = {each.revision for each in objects if running.owner(each) == ownership.stack()}
    return {name for name in own if name and name not in planes.names}


def users(
    running: RunningMesh, settings: Settings, removed: set[str], pods: list[tuple[str, str]]
) -> Iterator[str]:
    """List the pods and the namespaces that use what would be removed.

    `pods` are those with a sidecar: the revision that injected each, and its name.
    """
    for name in sorted(removed):
        if users := sorted(pod for revision, pod in pods if revision == name):
            more = f" and {len(users) - SHOWN} more" if len(users) > SHOWN else ""
            yield f"revision {name}, by the pods {', '.join(users[:SHOWN])}{more}"
        for namespace, asked in sorted(running.revision_by_namespace.items()):
            if asked == name and namespace not in settings.namespaces:
                yield f"revision or tag {name}, by the label of namespace {namespace}"
