"""An object as a mapping: its name, namespace, labels, annotations and age."""

from collections.abc import Mapping
from typing import Any

Manifest = Mapping[str, Any]


def name_of(found: Manifest) -> str:
    """Return an object's name."""
    return found["metadata"]["name"]


def namespace_of(found: Manifest) -> str:
    """Return an object's namespace; empty for one that is in none."""
    return found["metadata"].get("namespace") or ""


def key(found: Manifest) -> str:
    """Return an object's namespace and name as NAMESPACE/NAME."""
    return f"{found['metadata']['namespace']}/{name_of(found)}"


def labels_of(found: Manifest) -> Mapping[str, str]:
    """Return the labels of an object, or of a pod template."""
    return (found.get("metadata") or {}).get("labels") or {}


def annotations_of(found: Manifest) -> Mapping[str, str]:
    """Return the annotations of an object, or of a pod template."""
    return (found.get("metadata") or {}).get("annotations") or {}


def created(found: Manifest) -> str:
    """Return when an object was created, as a text to sort by; empty if it doesn't say."""
    return str(found["metadata"].get("creationTimestamp") or "")
