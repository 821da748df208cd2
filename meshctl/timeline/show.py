"""The timeline of a stack's last update: a table of the slowest objects, and a drawing."""

import json
from datetime import datetime
from pathlib import Path

from rich.table import Table

import console
from meshctl.timeline.chain import Bar, Timeline
from meshctl.update import phases, record
from meshctl.workspace.stack import Workspace, WorkspaceError

SLOWEST = 10
LEAST = 0.05  # seconds; less is shown as nothing
CHAIN = "●"


def show(workspace: Workspace, out: Path | None) -> None:
    """Print where the seconds of the last update went; draw it into a file, if one is named."""
    kept = record.newest(workspace.records)
    if kept is None:
        raise WorkspaceError(
            f"stack {workspace.name} has no record of an update: run {workspace.make('up')} first"
        )
    timeline = Timeline(kept, kept.waits_for or _dependencies(workspace))
    if not timeline.bars:
        raise WorkspaceError(
            f"the last {kept.command} of stack {workspace.name} ended before it came to an object: "
            f"run {workspace.make(kept.command)} again"
        )
    if out:
        _draw(out, timeline)
        console.done("timeline", str(out))
    ended = "failed" if kept.kind == record.FAILED else "ended"
    at = datetime.fromisoformat(kept.ended_at).astimezone()
    output = console.output()
    output.print(
        f"{kept.command} of stack {kept.stack}, {ended} on {at:%Y-%m-%d at %H:%M}: "
        f"{kept.seconds:.0f} s, {len(timeline.bars)} objects",
        soft_wrap=True,
    )
    output.print(f"\nthe {SLOWEST} slowest ({CHAIN} = on the longest chain)")
    output.print(_slowest(timeline))
    output.print("\nwhere the seconds of the longest chain went")
    output.print(_spent(timeline))


def draw(workspace: Workspace, kept: record.Record, file: Path) -> bool:
    """Draw an update into a file; return False if it had no objects."""
    timeline = Timeline(kept, kept.waits_for or _dependencies(workspace))
    if timeline.bars:
        _draw(file, timeline)
    return bool(timeline.bars)


def _draw(file: Path, timeline: Timeline) -> None:
    # It takes 0.2 s to import, in every command.
    from meshctl.timeline import drawing  # noqa: PLC0415

    drawing.draw(file, timeline)


def _dependencies(workspace: Workspace) -> dict[str, list[str]]:
    state = json.loads(workspace.query("pulumi", "stack", "export", "--stack", workspace.stack))
    return record.dependencies((state["deployment"] or {}).get("resources") or ())


def _slowest(timeline: Timeline) -> Table:
    table = Table()
    for column in ("s", "from", "", "object", "what", "waited for"):
        justify = "right" if column in ("s", "from") else "left"
        table.add_column(column, justify=justify, overflow="fold")
    for bar in sorted(timeline.bars, key=lambda each: -each.seconds)[:SLOWEST]:
        table.add_row(
            f"{bar.seconds:.1f}",
            f"{bar.begun:.1f}",
            CHAIN if bar in timeline.chain else "",
            bar.name,
            _how(bar),
            bar.after.name if bar.after else "",
        )
    return table


def _how(bar: Bar) -> str:
    if bar.step.failed:
        return "failed"
    return "broken off" if bar.step.ended is None else phases.WORDS.get(bar.step.op, bar.step.op)


def _spent(timeline: Timeline) -> Table:
    table = Table()
    table.add_column("s", justify="right")
    table.add_column("where")
    for where, seconds in timeline.seconds.items():
        if seconds >= LEAST:
            table.add_row(f"{seconds:.1f}", where)
    return table
