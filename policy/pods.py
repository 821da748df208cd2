"""The pods that objects create, for every kind of object."""

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
"""The path of the pod template in each kind that creates pods."""

INJECTED_IMAGE = "auto"
"""The image in a gateway's chart, which istiod replaces by that of the proxy."""
PROXY = "istio-proxy"


@dataclass(frozen=True)
class Pod:
    """The pods of an object: the object itself, and the template of the pods."""

    owner: Object
    template: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        """The namespace of the pods."""
        return metadata(self.owner, "namespace") or "default"

    @property
    def runs_on(self) -> bool:
        """Whether the pods are long-running, unlike those of a Job."""
        return kind(self.owner)[0] != "batch"

    def meta(self, key: str) -> Mapping[str, str]:
        """Return the labels or annotations of the pods."""
        return metadata(self.template, key) or {}

    @property
    def containers(self) -> Sequence[Mapping[str, Any]]:
        """The containers that run as long as the pod."""
        return (self.template.get("spec") or {}).get("containers") or []

    @property
    def all_containers(self) -> Iterator[Mapping[str, Any]]:
        """All containers, with init and ephemeral ones."""
        spec = self.template.get("spec") or {}
        for key in ("initContainers", "containers", "ephemeralContainers"):
            yield from spec.get(key) or []

    @property
    def own_containers(self) -> Iterator[Mapping[str, Any]]:
        """The containers without Istio's proxy, which istiod or istioctl adds."""
        for container in self.containers:
            if container.get("name") != PROXY:
                yield container


def pods(objects: Iterable[Object]) -> Iterator[Pod]:
    """Yield the pods that objects create."""
    for each in objects:
        path = TEMPLATES.get(kind(each))
        if path is None:
            continue
        template: Any = each
        for step in path:
            template = template.get(step) or {}
        yield Pod(each, template)
