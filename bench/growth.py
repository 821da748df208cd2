"""Growth: the cost of a platform's commands as it has more gateways, or more teams' namespaces."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import psutil

import console
from bench import plot
from bench.bucket import bucket
from bench.cost import Cost, measured
from mesh.project import PROJECT
from meshctl.workspace import download
from meshctl.workspace.stack import Workspace
from sandbox.cluster import Sandbox

STACK = "bench-growth"
UNASKED = ("--yes", "--skip-preview", "--non-interactive")
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "up": ("up", *UNASKED),
    "preview, no change": ("preview", "--expect-no-changes", "--non-interactive"),
    "destroy": ("destroy", *UNASKED),
}


def _gateways(number: int) -> Iterator[str]:
    yield "mesh:gateways[0].name=istio-ingressgateway"
    for more in range(1, number):
        yield f"mesh:gateways[{more}].name=gateway-{more:02}"
        yield f"mesh:gateways[{more}].serviceType=ClusterIP"


def _namespaces(number: int) -> Iterator[str]:
    return (f"mesh:meshNamespaces.team-{n:02}.create=true" for n in range(1, number + 1))


SETTINGS: Mapping[str, tuple[Callable[[int], Iterator[str]], Sequence[int]]] = {
    "gateways": (_gateways, (1, 5, 20)),
    "namespaces": (_namespaces, (1, 10, 50)),
}
"""The settings for a number of what grows, and the numbers that are measured."""


def measure(what: str, *, in_bucket: bool, drawing: Path | None) -> None:
    """Measure each command for each number, each on a new sandbox; print the table."""
    settings_of, numbers = SETTINGS[what]
    load = os.getloadavg()[0]
    sandbox = Sandbox(STACK)
    workspace = Workspace(STACK, sandbox.name)
    download.get_all(workspace)
    costs: dict[str, list[Cost]] = {command: [] for command in COMMANDS}
    state = bucket() if in_bucket else nullcontext({})
    try:
        with state as backend:
            for number in numbers:
                sandbox.down()
                _ = workspace.environment
                sandbox.up()
                workspace.make_stack()
                environment = {**workspace.full_environment, **backend}
                if in_bucket:
                    _make_stack(environment)
                config = [f"--config={each}" for each in settings_of(number)]
                for command, arguments in COMMANDS.items():
                    ours = () if command == "destroy" else ("--config-path", *config)
                    with console.alive(f"{number} {what}: {command}"):
                        cost, _ = measured(workspace.command(*arguments, *ours), environment)
                    costs[command].append(cost)
                    console.say(f"{number} {what}: {command}: {cost.seconds:.1f} s")
    finally:
        sandbox.down()

    where = "bucket (a local S3)" if in_bucket else "folder"
    print(f"{psutil.cpu_count()} cores, state in a {where}, load average {load:.1f} at the start\n")
    print(f"| {what} | " + " | ".join(f"{c}, s / processor s / MB" for c in costs) + " |")
    print("|---" * (len(costs) + 1) + "|")
    for at, number in enumerate(numbers):
        cells = (
            f"{found[at].seconds:.1f} / {found[at].processor:.1f} / {found[at].megabytes:.0f}"
            for found in costs.values()
        )
        print(f"| {number} | " + " | ".join(cells) + " |")
    if drawing is not None:
        points = {
            command: [(n, cost.processor) for n, cost in zip(numbers, found, strict=True)]
            for command, found in costs.items()
        }
        plot.lines(drawing, "processor seconds", what, points)


def _make_stack(environment: Mapping[str, str]) -> None:
    """Create the stack in the bucket too; its salt is the one that the sandbox's folder has."""
    with tempfile.TemporaryDirectory() as elsewhere:
        Path(elsewhere, "Pulumi.yaml").write_text((PROJECT / "Pulumi.yaml").read_text())
        init = ("stack", "init", STACK, "--no-select", "--non-interactive")
        measured(("pulumi", "--cwd", elsewhere, *init), environment)
