"""The output of `make traffic`: a table that grows, and the current step."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

import console
from traffic.proof import Measurement


class View:
    """The measurements so far: a live table on a terminal, else lines and then a table."""

    def __init__(self) -> None:
        self._console = console.output()
        self._rows: list[Measurement] = []
        self._doing = ""

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show the table while the block runs, and keep it on the screen after it."""
        if not self._console.is_terminal:
            try:
                yield
            finally:
                if self._rows:
                    self._console.print(self._table())
            return
        with Live(get_renderable=self._whole, console=self._console, refresh_per_second=5):
            yield

    @contextmanager
    def doing(self, what: str) -> Generator[None]:
        """Show the current step, and that it is still running."""
        if not self._console.is_terminal:
            with console.alive(what):
                yield
            console.done("traffic", what)
            return
        self._doing = what
        try:
            yield
        finally:
            self._doing = ""

    def add(self, measurement: Measurement) -> None:
        """Add a measurement to the table; its numbers may still grow."""
        self._rows.append(measurement)

    def tell(self, sentences: Iterable[tuple[str, bool]]) -> None:
        """Print each sentence with a mark that says whether it is true."""
        for sentence, is_so in sentences:
            self._console.print(f"{'[green]✓[/]' if is_so else '[red]✗[/]'} {sentence}")

    def _whole(self) -> Group:
        parts = [self._table()] if self._rows else []
        return Group(*parts, Spinner("dots", Text(self._doing)) if self._doing else Text(""))

    def _table(self) -> Table:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for heading in ("PLAN", "REQUESTS TO", "BY"):
            table.add_column(heading)
        for heading in ("SENT", "ANSWERED BY", "COPIES TO", "ERRORS", "P50", "P99"):
            table.add_column(heading, justify="right")
        table.add_column("AS PLANNED")
        plan = ""
        for row in self._rows:
            errors = {s: n for s, n in sorted(row.statuses.items()) if s != 200}
            broken = "; ".join(row.broken())
            verdict = f"[red]{broken}[/]" if broken else "[green]✓[/]"
            table.add_row(
                row.plan if row.plan != plan else "",
                row.service,
                row.by,
                str(len(row.replies)),
                _counts(row.versions),
                _counts(row.copies),
                _counts(errors),
                f"{row.quantile(0.5) * 1000:.0f} ms",
                f"{row.quantile(0.99) * 1000:.0f} ms",
                verdict if row.done else "…",
            )
            plan = row.plan
        return table


def _counts(counts: dict) -> str:
    return "  ".join(f"{what} {count}" for what, count in sorted(counts.items()))
