"""What can't change of a stack that is up: its cluster's name, and its istiod's namespace."""

from collections.abc import Iterator
from shlex import quote

from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import ownership
from mesh.kubernetes.cluster import Cluster
from mesh.settings.schema import Settings


def broken(mesh: RunningMesh, cluster: Cluster, stack: Settings) -> Iterator[str]:
    """Name each such change with its remedy."""
    ours = {name for name, owner in mesh.owners.items() if owner == ownership.stack()}
    known = {mesh.contexts[name] for name in ours & mesh.contexts.keys()} - {cluster.context}
    for context in sorted(known):
        old, new = quote(context), quote(cluster.context)
        yield (
            f"the stack knows this cluster by the context {context!r}: by another name it is "
            "another cluster to Pulumi, which makes everything anew and then deletes what was "
            f"there. Give the context its name back: kubectl config rename-context {new} {old}, "
            f"pulumi config set context {old}"
        )
    for istiod in mesh.istiods:
        if istiod.home in ours and istiod.home != stack.istio_namespace and stack.mode != "app":
            yield (
                f"{istiod.name} is in namespace {istiod.home}, where every proxy looks for it, and "
                f"istioNamespace is {stack.istio_namespace}: pulumi config set istioNamespace "
                f"{istiod.home}; or destroy the stack first"
            )
