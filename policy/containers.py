"""The rules that containers set resources and probes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy.pods import INJECTED_IMAGE, pods
from policy.rule import Object, Options, Rule, Stack, Violation


def _lacks(objects: Sequence[Object], wanted: Sequence[str], *, jobs: bool) -> Iterator[Violation]:
    for pod in pods(objects):
        if not jobs and not pod.runs_on:
            continue
        lacking = {
            container.get("name"): [path for path in wanted if not _at(container, path)]
            for container in pod.own_containers
            if container.get("image") != INJECTED_IMAGE
        }
        got = "; ".join(
            f"{name} has no {', '.join(paths)}" for name, paths in lacking.items() if paths
        )
        if got:
            yield Violation(object=pod.owner, got=f"container {got}")


def _at(container: Mapping[str, Any], path: str) -> Any:
    found: Any = container
    for step in path.split("."):
        found = (found or {}).get(step)
    return found


def _resources(objects: Sequence[Object], _: Stack, options: Options) -> Iterator[Violation]:
    yield from _lacks(objects, [f"resources.{each}" for each in options["resources"]], jobs=True)


def _probes(objects: Sequence[Object], _: Stack, options: Options) -> Iterator[Violation]:
    yield from _lacks(objects, options["probes"], jobs=False)


RESOURCES = Rule(
    name="resources-set",
    level="advisory",
    says="Each container requests CPU and memory, and has a memory limit",
    reason="without them nodes are overcommitted, and one memory leak can take down other pods",
    remedy="set bookinfoResources, or the chart's resources in `values`",
    check=_resources,
    options={
        "resources": {
            "type": "array",
            "items": {"type": "string", "pattern": r"^(requests|limits)\.[a-z./-]+$"},
            "default": ["requests.cpu", "requests.memory", "limits.memory"],
            "description": "The resources that each container must set",
        }
    },
)

PROBES = Rule(
    name="probes-set",
    level="advisory",
    says="Each container of a long-running workload has a probe that shows whether it is ready",
    reason="without one a pod gets requests before it can answer them, and when it no longer can",
    remedy="set bookinfoProbes to true, or give the container a readinessProbe",
    check=_probes,
    options={
        "probes": {
            "type": "array",
            "items": {"enum": ["readinessProbe", "livenessProbe", "startupProbe"]},
            "default": ["readinessProbe"],
            "description": "The probes that each container must set",
        }
    },
)
