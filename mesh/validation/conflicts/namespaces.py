"""Labels and annotations of namespaces that the stack sets by other settings."""

from collections.abc import Iterator, Mapping

from mesh.settings import labels
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake

INJECTED = "is set by mesh:injection and mesh:bookinfoRevision"
OWN = "is the stack's own"
RESERVED: Mapping[str, str] = {
    labels.INJECTION: INJECTED,
    labels.REVISION: INJECTED,
    labels.DATAPLANE_MODE: INJECTED,
    "pod-security.kubernetes.io/": "is set by mesh:podSecurity",
    "kubernetes.io/metadata.name": "is Kubernetes' own",
    "mesh.pulumi.com/": OWN,
    "pulumi.com/": "tells Pulumi how to handle an object",
}
"""Keys, or their prefixes, that a stack can't set, and why."""


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List keys that other settings decide."""
    given = {
        "namespaceLabels": settings.namespace_labels,
        "namespaceAnnotations": settings.namespace_annotations,
    }
    for setting, pairs in given.items():
        for key, value in pairs.items():
            for reserved, reason in RESERVED.items():
                if key == reserved or (reserved.endswith("/") and key.startswith(reserved)):
                    yield Mistake((setting, key), f"{reason}: drop it", value)
