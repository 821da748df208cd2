"""The display of an update on a terminal: a table of its phases, drawn anew as they go on."""

import threading
import time

from rich.console import Group
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

import console
from meshctl.update.phases import Phase
from meshctl.update.view import View

PAUSE = 0.25  # seconds between two drawings


class LiveTable:
    """A line for each phase, and what is waited for under them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._lock = threading.Lock()
        self._next = 0.0
        self._spinner = Spinner("dots")
        self._live = console.live("")
        self._live.start()

    def look(self) -> None:
        """Draw the table anew."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + PAUSE
        with self._lock:
            self._live.update(Group(self._table(), self._below()), refresh=True)

    def tell(self, text: str) -> None:
        """Print a paragraph above the table."""
        with self._lock:
            console.say(text)

    def end(self) -> None:
        """Leave the table as it is at the end."""
        with self._lock:
            self._live.update(self._table(is_last=True), refresh=True)
            self._live.stop()

    def _table(self, *, is_last: bool = False) -> Table:
        view = self._view
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(width=1)
        table.add_column(min_width=12)
        table.add_column(min_width=5, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis")
        over = {phase.name for phase in (view.phases if is_last else view.over)}
        for phase in view.phases:
            seconds = (phase.ended if not phase.running else view.update.seconds) - phase.begun
            done = f" {', '.join(filter(None, (phase.done, phase.in_work)))}"
            is_over = phase.name in over
            table.add_row(self._mark(phase, is_over=is_over), phase.name, f"{seconds:.0f} s", done)
        if not is_last:
            for name in view.to_come:
                table.add_row("", Text(name, style="dim"))
        return table

    def _mark(self, phase: Phase, *, is_over: bool) -> Text | Spinner:
        if phase.has_failed or (is_over and phase.running):
            return Text("✗", style="bold red")
        return Text("✓", style="green") if is_over else self._spinner

    def _below(self) -> Padding:
        """Return what is waited for and why, and how long all of it may take."""
        view = self._view
        lines = []
        if view.first:
            lines.append(f"{view.command} of stack {view.stack}: {view.first}")
        elif awaited := view.awaited:
            seconds = view.update.seconds - awaited.begun
            lines += [f"waiting {seconds:.0f} s for {awaited}", *filter(None, [view.why(awaited)])]
        times = [f"{view.update.seconds:.0f} s", *filter(None, [view.left, view.usual])]
        return Padding(Text("\n".join([*lines, ", ".join(times)]), style="dim"), (0, 0, 0, 2))
