"""Settings that can't be changed after the first `up`: `context` and `istioNamespace`."""

from collections.abc import Iterator
from shlex import quote

from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import ownership
from mesh.kubernetes.cluster import Cluster
from mesh.settings.schema import Settings


def changed(running: RunningMesh, cluster: Cluster, settings: Settings) -> Iterator[str]:
    """List changes of these settings, each with its remedy."""
    own = {name for name, owner in running.owners.items() if owner == ownership.stack()}
    known = {running.contexts[name] for name in own & running.contexts.keys()} - {cluster.context}
    for context in sorted(known):
        old, new = quote(context), quote(cluster.context)
        yield (
            f"the stack was deployed by the context {context!r}: Pulumi would take another name "
            "for another cluster, create everything again and then delete what was there. Give "
            f"the context its name back: kubectl config rename-context {new} {old}, "
            f"pulumi config set context {old}"
        )
    if settings.mode == "app":
        return
    for istiod in running.istiods:
        namespace = istiod.control_plane_namespace
        if namespace in own and namespace != settings.istio_namespace:
            yield (
                f"{istiod.name} is in namespace {namespace}, where every proxy looks for it, and "
                f"istioNamespace is {settings.istio_namespace}: pulumi config set istioNamespace "
                f"{namespace}; or destroy the stack first"
            )
