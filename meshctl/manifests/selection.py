"""Selection of objects: by labels as Kubernetes does it, and by exportTo as Istio does it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh.istio.running_mesh import OVER
from meshctl.manifests.manifest import Manifest, labels_of, namespace_of


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector selects labels; an empty one selects everything."""
    selector = selector or {}
    return selects(selector.get("matchLabels"), labels) and all(
        _holds(each, labels) for each in selector.get("matchExpressions") or ()
    )


def selects(wanted: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    """Return whether labels include all that are wanted; none selects everything."""
    return (wanted or {}).items() <= labels.items()


def pods_of(service: Manifest, pods: Sequence[Manifest]) -> list[Manifest]:
    """List the pods of a Service; none for one without a selector."""
    wanted = service["spec"].get("selector") or {}
    return list(pods_with(wanted, service["metadata"]["namespace"], pods)) if wanted else []


def pods_with(
    labels: Mapping[str, str], namespace: str, pods: Sequence[Manifest]
) -> Iterator[Manifest]:
    """List the pods of a namespace that have labels."""
    for pod in pods:
        if namespace_of(pod) == namespace and selects(labels, labels_of(pod)):
            yield pod


def is_ready(pod: Manifest) -> bool:
    """Return whether a pod is ready: only then a Service sends requests to it."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def stays(pod: Manifest) -> bool:
    """Return whether a pod has neither ended nor is being deleted."""
    is_over = pod.get("status", {}).get("phase") in OVER
    return not is_over and "deletionTimestamp" not in pod["metadata"]


def is_exported(found: Manifest, namespace: str) -> bool:
    """Return whether a namespace's proxies see a route, a rule or a ServiceEntry."""
    to = found["spec"].get("exportTo") or ()
    is_own = namespace_of(found) == namespace
    return is_public(found) or namespace in to or ("." in to and is_own)


def is_public(found: Manifest) -> bool:
    """Return whether the proxies of all namespaces see a route, a rule or a ServiceEntry."""
    return "*" in (found["spec"].get("exportTo") or ("*",))


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
