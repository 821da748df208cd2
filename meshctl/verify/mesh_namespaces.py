"""Checks of other teams' namespaces: each exists, and joins the mesh as the stack says."""

from collections.abc import Iterator

from mesh.preflight import remedies
from mesh.settings.data_plane import MeshNamespace
from mesh.settings.revisions import DEFAULT
from mesh.settings.schema import Settings
from meshctl.verify.snapshot import Finding, Snapshot


def check(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """Compare each namespace's label with the settings; its pods are checked as all others."""
    mesh = snapshot.mesh
    for namespace, wanted in settings.mesh_namespaces.items():
        asked = mesh.revision_by_namespace.get(namespace)
        label = "ambient mode" if namespace in mesh.ambient_namespaces else asked
        is_right = namespace in mesh.namespaces and label == _wanted(wanted, settings)
        if is_right:
            found = f"labelled for {label}"
        elif namespace in mesh.namespaces:
            found = f"is labelled for {label or 'no mesh'}, not for {_wanted(wanted, settings)}"
        else:
            found = "there is no such namespace"
        yield Finding(
            check="namespace",
            subject=namespace,
            status="ok" if is_right else "wrong",
            found=found,
            remedy="" if is_right else remedies.bring_back(),
        )


def _wanted(namespace: MeshNamespace, settings: Settings) -> str:
    if namespace.injection == "ambient":
        return "ambient mode"
    return namespace.revision or settings.revision or DEFAULT
