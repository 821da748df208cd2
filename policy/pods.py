"""The pods that objects make, whatever the kind of the object."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy.rule import Object, kind, metadata

_TEMPLATE = ("spec", "template")
TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (),
    ("", "ReplicationController"): _TEMPLATE,
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("batch", "Job"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
}
"""Where the pod is in each kind that makes pods."""

INJECTED_IMAGE = "auto"
"""What a gateway's chart writes where istiod puts the image of the proxy."""
PROXY = "istio-proxy"


@dataclass(frozen=True)
class Pod:
    """An object's pods: it, and what they are made of."""

    owner: Object
    template: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        """Where they are."""
        return metadata(self.owner, "namespace") or "default"

    @property
    def runs_on(self) -> bool:
        """Whether they are to run until somebody ends them."""
        return kind(self.owner)[0] != "batch"

    def meta(self, key: str) -> Mapping[str, str]:
        """Return their labels or annotations."""
        return metadata(self.template, key) or {}

    @property
    def containers(self) -> Sequence[Mapping[str, Any]]:
        """What runs in them as long as they do."""
        return (self.template.get("spec") or {}).get("containers") or []

    @property
    def all_containers(self) -> Iterator[Mapping[str, Any]]:
        """What runs in them at any time."""
        spec = self.template.get("spec") or {}
        for key in ("initContainers", "containers", "ephemeralContainers"):
            yield from spec.get(key) or []

    @property
    def own_containers(self) -> Iterator[Mapping[str, Any]]:
        """Their containers but Istio's proxy, which istiod or istioctl wrote."""
        for container in self.containers:
            if container.get("name") != PROXY:
                yield container


def pods(objects: Iterable[Object]) -> Iterator[Pod]:
    """List the pods that objects make."""
    for each in objects:
        path = TEMPLATES.get(kind(each))
        if path is None:
            continue
        template: Any = each
        for step in path:
            template = template.get(step) or {}
        yield Pod(each, template)
