"""The objects that a picture is drawn from, of whatever source, by their kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from meshctl.manifests import istiod
from meshctl.manifests.manifest import Manifest, labels_of, name_of, namespace_of
from meshctl.manifests.selection import matches

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

    @cached_property
    def domain(self) -> str:
        """The DNS domain of the cluster's Services."""
        return istiod.domain(self.of("Deployment"))

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
        """List the pods that a Deployment's selector matches."""
        selector = deployment["spec"]["selector"]
        pods = self.of("Pod", namespace_of(deployment))
        return [pod for pod in pods if matches(selector, labels_of(pod))]
