"""Control planes and revision tags that the stack would remove while something still uses them."""

from collections.abc import Iterator
from dataclasses import dataclass

from mesh.charts.values import runs_istiod
from mesh.istio.control_planes import ControlPlanes
from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import ownership
from mesh.kubernetes.shortened import shortened
from mesh.settings.labels import REVISION
from mesh.settings.schema import Settings

SHOWN = 20  # pods; there may be thousands
REMEDY = (
    "keep it until nothing uses it. A control plane of another revision comes as canary first: "
    "mesh:canary. Then move Bookinfo and the gateways by bookinfoRevision, gatewayRevision or a "
    f"tag of revisionTags, other namespaces by their label {REVISION}, and restart their pods: "
    "kubectl rollout restart deployment -n NAMESPACE (docs/canary.md)"
)


@dataclass(frozen=True, kw_only=True)
class Removed:
    """Revisions and tags that run now and that the update removes."""

    revisions: frozenset[str]
    """Revisions of control planes. A proxy connects to its revision's Service, never to a tag's."""
    labels: frozenset[str]
    """Revisions and tags that no injector will serve; namespaces and pods may use either."""

    def __bool__(self) -> bool:
        """Return whether the update removes any."""
        return bool(self.revisions or self.labels)


def removed(running: RunningMesh, settings: Settings, planes: ControlPlanes) -> Removed:
    """Find the stack's control planes and injectors that the update removes.

    A control plane is removed when its revision is no longer set, when its revision turns into a
    tag, or when the chart's values say that istiod runs in another cluster.
    """
    stack = ownership.stack()
    kept = {plane.revision for plane in planes.all if runs_istiod(settings, plane)}
    now = {istiod.revision for istiod in running.istiods if running.owner(istiod) == stack}
    served = {
        injector.revision for injector in running.injectors if running.owner(injector) == stack
    }
    return Removed(
        revisions=frozenset(filter(None, now - kept)),
        labels=frozenset(filter(None, (now | served) - planes.names.keys())),
    )


def users(
    running: RunningMesh,
    settings: Settings,
    planes: ControlPlanes,
    gone: Removed,
    pods: list[tuple[str, str]],
) -> Iterator[str]:
    """List the pods and the namespaces that use what the update removes.

    `pods` are the pods with a proxy: the revision that injected each, and its name.
    """
    for revision in sorted(gone.revisions):
        if users := sorted(pod for injected_by, pod in pods if injected_by == revision):
            becomes = ", which becomes a tag," if revision in planes.names else ","
            yield f"revision {revision}{becomes} by the pods {shortened(users, SHOWN)}"
    labelled = {*settings.namespaces, *settings.mesh_namespaces}  # the update labels them anew
    for label in sorted(gone.labels):
        for namespace, asked in sorted(running.revision_by_namespace.items()):
            if asked == label and namespace not in labelled:
                yield f"revision or tag {label}, by the label of namespace {namespace}"
