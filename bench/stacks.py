"""The benchmark of app stacks on one platform: the cost of one more as their number grows.

The stacks are deployed, changed and destroyed, some at a time; it ends with an error when one of
them changes an object of another stack or of the platform. Prints Markdown.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

import console
from bench import plot
from bench.cost import Cost, measured
from mesh.settings.platform_contract import OUTPUT
from meshctl.commands.developer import PLATFORM
from meshctl.workspace import download
from meshctl.workspace.stack import Workspace
from sandbox.cluster import Sandbox

KINDS = "namespaces,deployments,services,serviceaccounts,configmaps,gateways.networking.istio.io"
KINDS += ",virtualservices,destinationrules,mutatingwebhookconfigurations"
APP = ("--config", "mesh:mode=app", "--config", f"mesh:platformStack={PLATFORM}")
CHANGE = ("--config-path", "--config", "mesh:trafficPlan.all.to=v1")
UNASKED = ("--yes", "--skip-preview")
PHASES: Mapping[str, tuple[str, ...]] = {
    "up": ("up", *UNASKED, *APP),
    "change of the routes": ("up", *UNASKED, *APP, *CHANGE),
    "destroy": ("destroy", *UNASKED),
}
Objects = dict[str, dict[str, int]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One command on one stack."""

    beside: int
    """The number of other app stacks on the platform when the run's group began."""
    cost: Cost


def measure(number: int, at_once: int, drawing: Path | None) -> None:
    """Measure all commands, some at a time; print the table, and draw the plot.

    When it is ended, it prints what it has measured so far.
    """
    began, load = time.monotonic(), os.getloadavg()[0]
    sandbox = Sandbox("bench-stacks")
    platform = Workspace(PLATFORM, sandbox.name)
    download.get_all(platform)
    sandbox.down()
    runs: dict[str, list[list[Run]]] = {phase: [] for phase in PHASES}
    try:
        _ = platform.environment
        sandbox.up()
        platform.make_stack()
        _measured(platform, ("up", *UNASKED), 0)
        if OUTPUT not in platform.outputs():
            sys.exit(f"stack {PLATFORM} has no output {OUTPUT}: set its mode to platform")
        stacks = [Workspace(f"app-{number:02}", sandbox.name) for number in range(1, number + 1)]
        for stack in stacks:
            stack.make_stack()
        groups = [stacks[at : at + at_once] for at in range(0, number, at_once)]
        for phase, found in runs.items():
            for index in range(len(groups)):
                found.append(_group(platform, phase, groups, index))
        _measured(platform, ("preview", "--expect-no-changes"), 0)
    finally:
        sandbox.down()
        print(f"{psutil.cpu_count()} cores; {at_once} app stacks at a time; load average at the")
        print(f"start {load:.1f}, at the end {os.getloadavg()[0]:.1f}; all of it took")
        print(f"{time.monotonic() - began:.0f} s; kubernetes plugin {platform.plugin.version}\n")
        _print(runs)
    if drawing is not None:
        points = {
            phase: [(group[0].beside, _median_of(group, "processor")) for group in found]
            for phase, found in runs.items()
            # A change has the same number beside it each time.
            if phase != "change of the routes"
        }
        plot.lines(drawing, "processor seconds of one command", "other app stacks", points)


def _print(runs: Mapping[str, Sequence[Sequence[Run]]]) -> None:
    print("| other app stacks | command | seconds | processor s | MB |")
    print("|---|---|---|---|---|")
    for phase, groups in runs.items():
        for group in groups:
            print(f"| {group[0].beside} | {phase} | {' | '.join(_medians(group))} |")


def _group(
    platform: Workspace, phase: str, groups: Sequence[Sequence[Workspace]], index: int
) -> list[Run]:
    """Run a command on the stacks of a group at once; check that they change only their own."""
    group, number, before_it = groups[index], sum(map(len, groups)), sum(map(len, groups[:index]))
    beside = {"up": before_it, "destroy": number - before_it - len(group)}.get(
        phase, number - len(group)
    )
    before = _objects(platform)
    cost_of = partial(_measured, arguments=PHASES[phase], beside=beside)
    title = f"{phase}, {beside} other stacks"
    with console.alive(title), ThreadPoolExecutor(len(group)) as threads:
        runs = list(threads.map(cost_of, group))
    after = _objects(platform)
    own = {f"bookinfo-{stack.stack}" for stack in group}
    for namespace in (before.keys() | after.keys()) - own:
        if before.get(namespace) != after.get(namespace):
            sys.exit(f"{phase} of {sorted(own)} changed namespace {namespace}")
    console.say(f"{title}: {' / '.join(_medians(runs))} (s / processor s / MB)")
    return runs


def _measured(workspace: Workspace, arguments: Sequence[str], beside: int) -> Run:
    """Run a Pulumi command on a stack, and return its cost."""
    cost, _ = measured(workspace.command(*arguments), workspace.full_environment)
    return Run(beside=beside, cost=cost)


def _objects(platform: Workspace) -> Objects:
    """Return each namespace's objects with their generation; "" has the cluster-scoped ones."""
    listed = json.loads(platform.query("kubectl", "get", KINDS, "-A", "-o", "json"))["items"]
    found: Objects = {}
    for each in listed:
        metadata = each["metadata"]
        is_namespace = each["kind"] == "Namespace"
        namespace = metadata["name"] if is_namespace else metadata.get("namespace", "")
        found.setdefault(namespace, {})[metadata["uid"]] = metadata.get("generation", 0)
    return found


def _medians(runs: Sequence[Run]) -> tuple[str, str, str]:
    seconds, processor = _median_of(runs, "seconds"), _median_of(runs, "processor")
    return f"{seconds:.1f}", f"{processor:.1f}", f"{_median_of(runs, 'megabytes'):.0f}"


def _median_of(runs: Sequence[Run], part: str) -> float:
    return statistics.median(getattr(run.cost, part) for run in runs)
