"""The results of the disturbed updates: the file that keeps them, and the tables made from it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from pydantic import TypeAdapter
from rich.table import Table

from faults import points
from faults.outages import SAYS
from faults.points import OUTAGES, Command, Point, Victim
from mesh.project import PROJECT

PAGE = PROJECT / "docs" / "reliability.md"
BEGIN, END = "<!-- make faults: results -->", "<!-- make faults: end of results -->"
HEADINGS = ("command", "fault", "next", "points tried", "ended after, s", "next took, s", "whole")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a command that was disturbed at a point, and of the same command after it."""

    point: Point
    at: str
    """The resource that the command had begun to work on; empty if it was over before that."""
    ended: float
    """Seconds from the disturbance to the command's end."""
    again: float
    """Seconds that the next command took."""
    wrong: tuple[str, ...]
    """What the next command left that an undisturbed one doesn't leave."""


@dataclass(kw_only=True)
class Results:
    """The results so far."""

    date: str
    resources: dict[Command, int] = field(default_factory=dict)
    """How many resources each command works on, undisturbed."""
    outcomes: list[Outcome] = field(default_factory=list)

    def write(self, file: Path) -> None:
        """Keep the results in a file."""
        partial = file.with_suffix(".partial")
        partial.write_bytes(TypeAdapter(Results).dump_json(self, indent=1))
        partial.rename(file)


def read(file: Path, today: str) -> Results:
    """Return the results that a file keeps, or empty ones."""
    if not file.exists():
        return Results(date=today)
    return TypeAdapter(Results).validate_json(file.read_bytes())


def table(results: Results) -> Table:
    """Return the results as a table for a terminal."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for heading in HEADINGS:
        made.add_column(heading.upper())
    for row in _rows(results):
        made.add_row(*row)
    return made


def broken(results: Results) -> Iterator[str]:
    """Describe each point after which the next command wasn't whole."""
    for outcome in results.outcomes:
        if outcome.wrong:
            point = outcome.point
            yield (
                f"{point.command}, {point.victim} at resource {point.resource} ({outcome.at}): "
                + "; ".join(outcome.wrong)
            )


def write_page(results: Results) -> None:
    """Write the results into docs/reliability.md."""
    tried = sum(bool(outcome.at) for outcome in results.outcomes)
    total = len(points.chosen(results.resources, command=None, only=None, size=None, seed=""))
    lines = [
        BEGIN,
        f"{results.date}: {'all' if tried == total else f'a sample, {tried} of'} {total} points.",
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|---" * len(HEADINGS) + "|",
        *(f"| {' | '.join(row)} |" for row in _rows(results)),
        END,
    ]
    pattern = f"{re.escape(BEGIN)}.*{re.escape(END)}"
    PAGE.write_text(re.sub(pattern, lambda _: "\n".join(lines), PAGE.read_text(), flags=re.DOTALL))


def _rows(results: Results) -> Iterator[Sequence[str]]:
    def kind(outcome: Outcome) -> tuple[Command, Victim, Command]:
        return outcome.point.command, outcome.point.victim, outcome.point.next

    ordered = sorted((each for each in results.outcomes if each.at), key=kind)
    for (command, victim, following), grouped in groupby(ordered, kind):
        tried = list(grouped)
        yield (
            command,
            SAYS.get(victim, f"{victim} killed"),
            following,
            f"{len(tried)} of {1 if victim in OUTAGES else results.resources[command]}",
            _range([outcome.ended for outcome in tried]),
            _range([outcome.again for outcome in tried]),
            f"{sum(not outcome.wrong for outcome in tried)} of {len(tried)}",
        )


def _range(seconds: Sequence[float]) -> str:
    least, most = min(seconds), max(seconds)
    return f"{least:.0f} to {most:.0f}" if round(least) != round(most) else f"{most:.0f}"
