"""Selection of objects by their labels, as Kubernetes and Istio do it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshctl.verify.snapshot import Manifest


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector selects labels; an empty one selects everything."""
    selector = selector or {}
    return (selector.get("matchLabels") or {}).items() <= labels.items() and all(
        _holds(each, labels) for each in selector.get("matchExpressions") or ()
    )


def labels_of(manifest: Manifest) -> Mapping[str, str]:
    """Return an object's labels."""
    return manifest["metadata"].get("labels") or {}


def pods_of(service: Manifest, pods: Sequence[Manifest]) -> list[Manifest]:
    """List the pods of a Service; none for one without a selector."""
    wanted = service["spec"].get("selector") or {}
    return list(pods_with(wanted, service["metadata"]["namespace"], pods)) if wanted else []


def pods_with(
    labels: Mapping[str, str], namespace: str, pods: Sequence[Manifest]
) -> Iterator[Manifest]:
    """List the pods of a namespace that have labels."""
    for pod in pods:
        if pod["metadata"]["namespace"] == namespace and labels.items() <= labels_of(pod).items():
            yield pod


def is_ready(pod: Manifest) -> bool:
    """Return whether a pod is ready: only then a Service sends requests to it."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    found, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return found in values
        case "NotIn":
            return found not in values
        case "Exists":
            return found is not None
        case _:  # DoesNotExist
            return found is None
