"""Containers say what they need, and how to find out whether they work."""

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
    says="Each container says what it needs of CPU and memory, and how much memory it gets at most",
    reason="without, nodes are overbooked, and one leak takes the neighbours with it",
    remedy="set bookinfoResources, or the chart's resources in `values`",
    check=_resources,
    options={
        "resources": {
            "type": "array",
            "items": {"type": "string", "pattern": r"^(requests|limits)\.[a-z./-]+$"},
            "default": ["requests.cpu", "requests.memory", "limits.memory"],
            "description": "What has to be set",
        }
    },
)

PROBES = Rule(
    name="probes-set",
    level="advisory",
    says="Each container that runs on says how to find out whether it takes requests",
    reason="without, a pod gets requests before it can answer them, and while it can't any more",
    remedy="set bookinfoProbes to true, or give the container a readinessProbe",
    check=_probes,
    options={
        "probes": {
            "type": "array",
            "items": {"enum": ["readinessProbe", "livenessProbe", "startupProbe"]},
            "default": ["readinessProbe"],
            "description": "What has to be set",
        }
    },
)
