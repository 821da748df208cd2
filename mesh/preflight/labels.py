"""Labels of namespaces that would keep pods out of the mesh, whatever the stack says."""

from collections.abc import Iterator, Mapping

from mesh.istio.running_mesh import INJECTION, REVISION, RunningMesh

Labels = Mapping[str, str | None]
"""The revision or tag that a stack labels its namespaces with; None = the default one."""


def obstacles(mesh: RunningMesh, wanted: Labels) -> Iterator[str]:
    """Name each with its remedy.

    Whatever istio-injection says, no injector of a revision looks at such a namespace: of the
    two labels it wins. The stack takes its own one away, and leaves one that somebody else set.
    """
    for namespace, revision in wanted.items():
        if revision and (value := mesh.labelled_by_others.get(namespace)):
            yield (
                f"Namespace {namespace} is labelled {INJECTION}={value}, which beats "
                f"{REVISION}={revision}: kubectl label namespace {namespace} {INJECTION}-"
            )
