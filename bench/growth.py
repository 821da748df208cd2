"""Growth: the cost of a platform's commands as it has more gateways, or more teams' namespaces."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import psutil
from pydantic import TypeAdapter

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


Costs = dict[str, dict[int, dict[str, Cost]]]
"""Costs of each command, by what grows with the place of the state, and by its number."""


def measure(what: str, *, in_bucket: bool, results: Path, drawing: Path | None) -> None:
    """Measure the commands for each number that the results lack; print the table of all.

    Each number gets a new sandbox. The results are kept after each: what was ended continues there.
    """
    known = TypeAdapter(Costs)
    kept = known.validate_json(results.read_bytes()) if results.exists() else Costs()
    costs = kept.setdefault(f"{what}, {'bucket' if in_bucket else 'folder'}", {})
    settings_of, numbers = SETTINGS[what]
    sandbox = Sandbox(STACK)
    workspace = Workspace(STACK, sandbox.name)
    download.get_all(workspace)
    try:
        for number in numbers:
            if number not in costs:
                config = [f"--config={each}" for each in settings_of(number)]
                with bucket() if in_bucket else nullcontext({}) as backend:
                    costs[number] = _measured(workspace, f"{number} {what}", config, backend)
                results.write_bytes(known.dump_json(kept, indent=1))
    finally:
        sandbox.down()
        if costs:
            _print(what, costs, in_bucket=in_bucket)
    if drawing is not None:
        points = {
            command: [(number, found[command].processor) for number, found in costs.items()]
            for command in COMMANDS
        }
        plot.lines(drawing, "processor seconds", what, points)


def _measured(
    workspace: Workspace, title: str, config: Sequence[str], backend: Mapping[str, str]
) -> dict[str, Cost]:
    """Measure each command on a new sandbox, in the order in which they are listed."""
    sandbox = Sandbox(workspace.sandbox_name)
    sandbox.down()
    _ = workspace.environment
    sandbox.up()
    workspace.make_stack()
    environment = {**workspace.full_environment, **backend}
    if backend:
        _make_stack(environment)
    costs = {}
    for command, arguments in COMMANDS.items():
        ours = () if command == "destroy" else ("--config-path", *config)
        with console.alive(f"{title}: {command}"):
            costs[command], _ = measured(workspace.command(*arguments, *ours), environment)
        console.say(f"{title}: {command}: {costs[command].seconds:.1f} s")
    return costs


def _print(what: str, costs: Mapping[int, Mapping[str, Cost]], *, in_bucket: bool) -> None:
    where = "bucket (a local S3)" if in_bucket else "folder"
    print(
        f"{psutil.cpu_count()} cores, state in a {where}, load average {os.getloadavg()[0]:.1f}\n"
    )
    print(f"| {what} | " + " | ".join(f"{c}, s / processor s / MB" for c in COMMANDS) + " |")
    print("|---" * (len(COMMANDS) + 1) + "|")
    for number, found in sorted(costs.items()):
        cells = (
            f"{found[command].seconds:.1f} / {found[command].processor:.1f} "
            f"/ {found[command].megabytes:.0f}"
            for command in COMMANDS
        )
        print(f"| {number} | " + " | ".join(cells) + " |")


def _make_stack(environment: Mapping[str, str]) -> None:
    """Create the stack in the bucket too; its salt is the one that the sandbox's folder has."""
    with tempfile.TemporaryDirectory() as elsewhere:
        Path(elsewhere, "Pulumi.yaml").write_text((PROJECT / "Pulumi.yaml").read_text())
        init = ("stack", "init", STACK, "--no-select", "--non-interactive")
        measured(("pulumi", "--cwd", elsewhere, *init), environment)
