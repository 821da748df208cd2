"""Conflicts about namespaces: those of others, and labels that other settings decide."""

from collections.abc import Iterator, Mapping

from mesh.kubernetes.cluster import applies_server_side
from mesh.settings import labels
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake

INJECTED = "is set by mesh:injection and mesh:bookinfoRevision"
OWN = "is the stack's own"
RESERVED: Mapping[str, str] = {
    labels.INJECTION: INJECTED,
    labels.REVISION: INJECTED,
    labels.DATAPLANE_MODE: INJECTED,
    labels.USE_WAYPOINT: "is set by mesh:waypoints",
    "pod-security.kubernetes.io/": "is set by mesh:podSecurity",
    "kubernetes.io/metadata.name": "is Kubernetes' own",
    "mesh.pulumi.com/": OWN,
    "pulumi.com/": "tells Pulumi how to handle an object",
}
"""Keys, or their prefixes, that a stack can't set, and why."""


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List meshNamespaces that can't be in the mesh, and labels that other settings decide."""
    if settings.mesh_namespaces and not applies_server_side(settings.kube_version):
        rule = "needs server-side apply, which this kubeVersion lacks"
        yield Mistake(("meshNamespaces",), rule, settings.kube_version)
    for name, wanted in settings.mesh_namespaces.items():
        if name in settings.namespaces:
            rule = "is a namespace of the stack's own: drop it"
            yield Mistake(("meshNamespaces", name), rule)
        if wanted.injection == "ambient" and not settings.data_plane.is_ambient:
            rule = "needs mesh:injection ambient, which sets up the nodes"
            yield Mistake(("meshNamespaces", name, "injection"), rule, wanted.injection)
        if wanted.injection == "ambient" and wanted.revision is not None:
            rule = "can't be set with injection ambient, which has no sidecars"
            yield Mistake(("meshNamespaces", name, "revision"), rule, wanted.revision)
    given = {
        "namespaceLabels": settings.namespace_labels,
        "namespaceAnnotations": settings.namespace_annotations,
    }
    for setting, pairs in given.items():
        for key, value in pairs.items():
            for reserved, reason in RESERVED.items():
                if key == reserved or (reserved.endswith("/") and key.startswith(reserved)):
                    yield Mistake((setting, key), f"{reason}: drop it", value)
