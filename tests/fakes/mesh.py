"""A mesh that runs: empty, or with the objects that a test gives it."""

from typing import Any

from mesh.istio.running_mesh import IstioObject, RunningMesh


def istio_object(kind: str = "Deployment", **fields: Any) -> IstioObject:
    """Return a stack's istiod, or what differs from it."""
    own: dict[str, Any] = {
        "name": "istiod",
        "namespace": "istio-system",
        "control_plane_namespace": "istio-system",
        "revision": "default",
        "version": "1.30.3",
        "managers": ("pulumi-kubernetes-1a2b",),
    }
    return IstioObject(kind=kind, **{**own, **fields})


def running_mesh(**fields: Any) -> RunningMesh:
    """Return a cluster's mesh: nothing but what a test gives it."""
    nothing: dict[str, Any] = {
        "kubernetes": "v1.36.3",
        "namespaces": {},
        "owners": {},
        "adopted": frozenset(),
        "contexts": {},
        "hosts": {},
        "revision_by_namespace": {},
        "ambient_namespaces": frozenset(),
        "foreign_injection_labels": {},
        "istiods": (),
        "injectors": (),
        "scaled_to_zero": {},
    }
    return RunningMesh(**{**nothing, **fields})
