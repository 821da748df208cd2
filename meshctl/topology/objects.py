"""The objects that a picture is drawn from, of whatever source, by their kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Manifest = Mapping[str, Any]

KUBERNETES_GATEWAY = "gateway.networking.k8s.io"
"""The API group of the Kubernetes Gateway API, which has a kind Gateway as Istio's own API has."""


@dataclass(frozen=True, kw_only=True)
class Objects:
    """Objects with apiVersion and kind, as a cluster, a preview or a render has them."""

    every: tuple[Manifest, ...]
    is_live: bool = False
    """Whether they are from a cluster: only there are pods."""

    @cached_property
    def _by_kind(self) -> dict[str, list[Manifest]]:
        found: dict[str, list[Manifest]] = {}
        for each in self.every:
            found.setdefault(each["kind"], []).append(each)
        return found

    def of(self, kind: str, namespace: str | None = None) -> list[Manifest]:
        """List the objects of a kind, in one namespace or in all."""
        found = self._by_kind.get(kind, [])
        return [each for each in found if namespace is None or namespace_of(each) == namespace]

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return an object by its name, or None."""
        return next((each for each in self.of(kind, namespace) if name_of(each) == name), None)

    def gateways(self, *, kubernetes: bool) -> list[Manifest]:
        """List the Gateways of the Kubernetes Gateway API, or those of Istio's own API."""
        return [
            each
            for each in self.of("Gateway")
            if each["apiVersion"].startswith(f"{KUBERNETES_GATEWAY}/") == kubernetes
        ]

    def labels_in(self, namespace: str) -> Mapping[str, str]:
        """Return the labels of a namespace; none if it isn't among the objects."""
        found = (each for each in self.of("Namespace") if name_of(each) == namespace)
        return next((labels_of(each) for each in found), {})

    def pods_of(self, deployment: Manifest) -> list[Manifest]:
        """List the pods that a Deployment's selector matches.

        One with expressions only has pods with the labels of its template.
        """
        spec = deployment["spec"]
        selector = spec["selector"].get("matchLabels") or labels_of(spec["template"])
        pods = self.of("Pod", namespace_of(deployment))
        return [pod for pod in pods if selects(selector, labels_of(pod))]


def name_of(found: Manifest) -> str:
    """Return an object's name."""
    return found["metadata"]["name"]


def namespace_of(found: Manifest) -> str:
    """Return an object's namespace; empty for one that is in none."""
    return found["metadata"].get("namespace") or ""


def labels_of(found: Manifest) -> Mapping[str, str]:
    """Return the labels of an object, or of a pod template."""
    return (found.get("metadata") or {}).get("labels") or {}


def annotations_of(found: Manifest) -> Mapping[str, str]:
    """Return the annotations of an object, or of a pod template."""
    return (found.get("metadata") or {}).get("annotations") or {}


def selects(selector: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    """Return whether a selector matches labels; one without labels matches all."""
    return (selector or {}).items() <= labels.items()
