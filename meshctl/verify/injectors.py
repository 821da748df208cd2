"""Checks of injectors: each revision or tag that pods ask for has one."""

from collections.abc import Iterator

from mesh.istio.running_mesh import RunningMesh
from mesh.preflight import remedies
from mesh.settings.labels import INJECT, REVISION
from mesh.settings.revisions import DEFAULT
from mesh.settings.schema import Settings
from meshctl.verify.control_plane import revision_names
from meshctl.verify.snapshot import Finding, Manifest, Snapshot


def check(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """Check that each revision or tag asked for has an injector: without it pods get no sidecar."""
    mesh = snapshot.mesh
    asking: dict[str, set[str]] = {}
    for namespace in settings.namespaces:
        if name := mesh.revision_by_namespace.get(namespace):
            asking.setdefault(name, set()).add(namespace)
    for pod in snapshot.pods:
        namespace = pod["metadata"]["namespace"]
        if wants_proxy(pod, asked=namespace in mesh.revision_by_namespace):
            asking.setdefault(asked_by(pod, mesh), set()).add(namespace)
    there = sorted({part.revision or DEFAULT for part in mesh.injectors})
    for name in sorted(asking.keys() - there):
        yield Finding(
            check="webhook",
            subject=f"injector {name}",
            status="wrong",
            found=f"no MutatingWebhookConfiguration for {name}, but labels ask for it in namespace "
            f"{', '.join(sorted(asking[name]))}: new pods get no istio-proxy",
            remedy=remedies.bring_back(remedies.platform_of(settings))
            if name in revision_names(settings)
            else f"label the namespaces with an existing revision or tag ({', '.join(there)}) "
            f"instead of {REVISION}={name}",
        )


def has_injector(pod: Manifest, mesh: RunningMesh) -> bool:
    """Return whether an injector would inject the pod if it were recreated."""
    return asked_by(pod, mesh) in {part.revision for part in mesh.injectors}


def asked_by(pod: Manifest, mesh: RunningMesh) -> str:
    """Return the revision or tag that a pod asks for; its namespace's label wins over its own."""
    metadata = pod["metadata"]
    own = (metadata.get("labels") or {}).get(REVISION)
    return mesh.revision_by_namespace.get(metadata["namespace"]) or own or DEFAULT


def wants_proxy(pod: Manifest, *, asked: bool) -> bool:
    """Return whether a pod asks for a proxy; its own label or annotation wins over `asked`."""
    metadata = pod["metadata"]
    own = (metadata.get("labels") or {}).get(INJECT)
    own = own or (metadata.get("annotations") or {}).get(INJECT)
    if pod["spec"].get("hostNetwork"):
        return False
    return own == "true" if own else asked
