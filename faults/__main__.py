"""`make faults`: disturbs an `up` or a `destroy` at each resource; the next one must be whole."""

import signal
import time
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

import console
from faults import cluster_state, disturbed, points, report
from faults.cluster_state import State
from faults.disturbed import Run
from faults.points import FOLLOWED_BY, Choice, Command, Point
from faults.report import Outcome, Results
from meshctl.workspace import download
from meshctl.workspace.stack import Workspace
from sandbox.cluster import Sandbox

STACK = "faults"
SETTLED = 30.0  # seconds within which the cluster must be as it should be
PAUSE = 2.0  # seconds between two looks at it

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class FaultsError(console.UserError):
    """The faults can't be tried; the message says why."""


@app.command()
def faults(
    *,
    size: Annotated[
        int | None, typer.Option("--points", help="Try so many points; not set = all.", min=1)
    ] = None,
    command: Annotated[Command | None, typer.Option(help="Disturb only this command.")] = None,
    only: Annotated[Choice | None, typer.Option(help="Disturb only this, or by outages.")] = None,
    seed: Annotated[str, typer.Option(help="Which points these are; not set = today.")] = "",
    results: Annotated[Path, typer.Option(help="The file that keeps the results.")] = Path(
        "faults.json"
    ),
    sandbox: Annotated[str, typer.Option(help="A sandbox's name; it is deleted.")] = STACK,
    write_docs: Annotated[
        bool, typer.Option("--write-docs", help="Write the results into docs/reliability.md.")
    ] = False,
) -> None:
    """Disturb commands at each resource, and check the next command.

    Pulumi, its plugin or its program is killed; in the middle of a command the API server goes
    away, is slow or refuses requests, a webhook doesn't answer, or the disk is full.

    Points whose results are kept aren't tried again: the command continues where it was ended.
    """
    today = datetime.now(UTC).date().isoformat()
    kept = report.read(results, today)
    choose = partial(points.chosen, command=command, only=only, size=size, seed=seed or today)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _try_all(Workspace(STACK, sandbox), kept, results, choose)
    finally:
        Sandbox(sandbox).down()
        console.output().print(report.table(kept))
    for line in report.broken(kept):
        console.error(line)
    if write_docs:
        report.write_page(kept)
    if any(outcome.wrong for outcome in kept.outcomes):
        raise typer.Exit(1)


def _try_all(
    workspace: Workspace,
    kept: Results,
    file: Path,
    choose: Callable[[Mapping[Command, int]], Sequence[Point]],
) -> None:
    """Try the chosen points that the results lack, each on what the command before has left."""
    download.get_all(workspace)
    wanted = {} if kept.resources else _fresh(workspace, kept)
    tried = {outcome.point for outcome in kept.outcomes}
    left = [point for point in choose(kept.resources) if point not in tried]
    is_up = False
    while left:
        if not wanted:
            wanted, is_up = _fresh(workspace, kept), False
        possible: tuple[Command, ...] = (*FOLLOWED_BY, "destroy") if is_up else ("up",)
        point = next((p for command in possible for p in left if p.command == command), None)
        if point is None:
            _undisturbed(workspace, possible[-1])
        else:
            left.remove(point)
            kept.outcomes.append(_outcome(workspace, point, wanted[point.next]))
            kept.write(file)
            if kept.outcomes[-1].wrong:
                wanted = {}
                continue
            if point.next in FOLLOWED_BY:
                _undisturbed(workspace, "up")
        if point is None or point.command not in FOLLOWED_BY:
            is_up = not is_up


def _fresh(workspace: Workspace, kept: Results) -> dict[Command, State]:
    """Make a new sandbox; return what each undisturbed command makes of it.

    Raises FaultsError if one changes what others have in the cluster.
    """
    sandbox = Sandbox(workspace.sandbox_name)
    sandbox.down()
    _undisturbed(workspace, "up")
    workspace.kubectl("apply", "-f", str(cluster_state.OTHERS))
    others = cluster_state.of_others(cluster_state.read(workspace))
    wanted: dict[Command, State] = {}
    commands: tuple[Command, ...] = ("upgrade", "canary", "destroy", "up")
    for command in commands:
        run = _undisturbed(workspace, command)
        kept.resources[command] = len(run.resources)
        wanted[command] = cluster_state.read(workspace)
        found = cluster_state.of_others(wanted[command])
        if changed := list(cluster_state.differences(others, found)):
            raise FaultsError(f"{command} changes what others have: {'; '.join(changed)}")
    _undisturbed(workspace, "destroy")
    return wanted


def _undisturbed(workspace: Workspace, command: Command) -> Run:
    with console.alive(f"{command}, undisturbed"):
        run = disturbed.run(workspace, command)
    if run.code:
        raise FaultsError(f"an undisturbed {command} fails:\n{run.said}")
    return run


def _outcome(workspace: Workspace, point: Point, wanted: State) -> Outcome:
    """Disturb a command at a point, run it again, and compare what is there with what should be."""
    what = f"{point.command}, {point.victim}, resource {point.resource}"
    with console.alive(what):
        run = disturbed.run(workspace, point.command, point)
        again = disturbed.run(workspace, point.next)
        wrong = _differences(workspace, wanted)
    if run.code is None:
        wrong.insert(0, f"the disturbed {point.command} didn't end within {run.seconds:.0f} s")
    if not run.hit and run.code:
        wrong.insert(0, f"the {point.command} failed before it was disturbed:\n{run.said}")
    if again.code != 0:
        wrong.insert(0, f"the next {point.next} failed:\n{again.said}")
    console.say(f"{what}: {'; '.join(wrong) or 'whole'}")
    return Outcome(
        point=point,
        at=run.resources[point.resource - 1].split("::", 2)[2].rpartition("$")[2]
        if run.hit
        else "",
        ended=run.seconds,
        again=again.seconds,
        wrong=tuple(wrong),
    )


def _differences(workspace: Workspace, wanted: State) -> list[str]:
    """Compare the state with what it should be, after a while if need be.

    Kubernetes' own controllers take some seconds to come back after their API server.
    """
    deadline = time.monotonic() + SETTLED
    while True:
        found = list(cluster_state.differences(wanted, cluster_state.read(workspace)))
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(PAUSE)


def _interrupt(_number: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    console.run(app)
