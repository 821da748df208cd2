"""`make bench`: the cost of Istio and Bookinfo by this program and by its peers, in one run.

Each round of each way gets a fresh sandbox. Prints Markdown, for docs/performance.md.
"""

import json
import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import psutil
import typer

import console
from bench import growth, plot, stacks
from bench.cost import Cost
from bench.ways import WAYS, Run, must_be_injected
from mesh.istio.release import find
from meshctl.workspace import download
from meshctl.workspace.stack import Workspace
from sandbox import toolchain
from sandbox.cluster import Sandbox
from sandbox.programs import HELM, ISTIO

STACK = "bench"
Costs = dict[str, dict[str, list[Cost]]]
"""Costs of each round, by way and step."""

What = StrEnum("What", list(growth.SETTINGS))
State = StrEnum("State", ["FOLDER", "BUCKET"])
PLOT = typer.Option("--plot", help="A file for the plot, in SVG.")
PLOTTED = ("up", "preview, no change", "up, no change", "destroy")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    *,
    rounds: Annotated[int, typer.Option(help="Rounds of each way, in turn.", min=1)] = 5,
    numbers: Annotated[
        Path | None, typer.Option("--json", help="A file for all numbers, in JSON.")
    ] = None,
    drawing: Annotated[Path | None, PLOT] = None,
) -> None:
    """Measure `up`, changes and `destroy`, and those of istioctl, helm and a plain program."""
    if context.invoked_subcommand:
        return
    programs = toolchain.ensure((ISTIO, HELM))
    sandbox = Sandbox(STACK)
    workspace = Workspace(STACK, sandbox.name)
    _ = workspace.environment
    download.get_all(workspace)
    release = find(workspace.setting("istioVersion"), None).folder
    load, costs = os.getloadavg()[0], Costs()
    try:
        for number in range(1, rounds + 1):
            for way in WAYS:
                sandbox.down()
                sandbox.up()
                workspace.make_stack()
                told = _measure(way, workspace, programs, release, costs)
                console.say(f"round {number}: {way}: {told}")
    finally:
        sandbox.down()

    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 2**30
    print(f"{cores} cores, {memory:.0f} GiB, Python {platform.python_version()}; state in")
    print(f"{sandbox.state.parent.parent}; load average {load:.1f} at the start and")
    print(f"{os.getloadavg()[0]:.1f} at the end; kubernetes plugin {workspace.plugin.version};")
    print(f"medians of {rounds} rounds, of seconds with the least and the most\n")
    _print(costs)
    if numbers is not None:
        told = {
            way: {step: [asdict(cost) for cost in found] for step, found in steps.items()}
            for way, steps in costs.items()
        }
        numbers.write_text(json.dumps(told, indent=1) + "\n")
    if drawing is not None:
        seconds = {
            way: {
                step: round(_median(steps[step], "seconds"), 1) for step in PLOTTED if step in steps
            }
            for way, steps in costs.items()
        }
        plot.bars(drawing, "seconds", seconds)


@app.command("stacks")
def stacks_(
    *,
    number: Annotated[int, typer.Option("--stacks", help="App stacks.", min=1)] = 20,
    at_once: Annotated[int, typer.Option(help="Commands at the same time.", min=1)] = 4,
    drawing: Annotated[Path | None, PLOT] = None,
) -> None:
    """Measure one more app stack on a platform, as their number grows."""
    stacks.measure(number, at_once, drawing)


@app.command("growth")
def growth_(
    what: Annotated[What, typer.Argument(help="What the platform has more of.")],
    *,
    state: Annotated[State, typer.Option(help="Where the stack's state is.")] = State.FOLDER,
    results: Annotated[Path, typer.Option(help="The file that keeps the results.")] = Path(
        "growth.json"
    ),
    drawing: Annotated[Path | None, PLOT] = None,
) -> None:
    """Measure a platform as it has more gateways, or more namespaces of other teams.

    Numbers whose results are kept aren't measured again: the command continues where it was ended.
    """
    growth.measure(what, in_bucket=state is State.BUCKET, results=results, drawing=drawing)


def _measure(
    way: str, workspace: Workspace, programs: Mapping[str, Path], release: Path, costs: Costs
) -> str:
    """Measure all steps of a way, and return a line about them."""
    told = []
    for step, action in WAYS[way].items():
        run = Run(
            workspace=workspace,
            programs=programs,
            release=release,
            environment=workspace.full_environment,
        )
        with console.alive(f"{way}: {step}"):
            action(run)
        if step == "up":
            must_be_injected(run)
        costs.setdefault(way, {}).setdefault(step, []).append(run.cost)
        told.append(f"{step} {run.cost.seconds:.1f} s")
    return ", ".join(told)


def _print(costs: Costs) -> None:
    print("| way | step | seconds | processor s | MB | MB written | ratio to istioctl's |")
    print("|---|---|---|---|---|---|---|")
    peer = {step: _median(found, "seconds") for step, found in costs["istioctl, kubectl"].items()}
    for way, steps in costs.items():
        for step, found in steps.items():
            seconds = [cost.seconds for cost in found]
            base = peer["destroy" if step == "destroy" else "up"]
            median = statistics.median(seconds)
            print(
                f"| {way} | {step} | {median:.1f} ({min(seconds):.1f} to {max(seconds):.1f}) "
                f"| {_median(found, 'processor'):.1f} | {_median(found, 'megabytes'):.0f} "
                f"| {_median(found, 'written'):.0f} | {median / base:.2f} |"
            )


def _median(found: list[Cost], part: str) -> float:
    return statistics.median(getattr(cost, part) for cost in found)


if __name__ == "__main__":
    console.run(app)
