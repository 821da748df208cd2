"""Terminal output: a line for each step, signs of progress during long steps, and errors."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Generator

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

_err = Console(stderr=True, highlight=False, soft_wrap=True)

BEAT_SECONDS = 1  # between two signs of progress
BEATS_OF_A_LINE = 30  # after which a line without a terminal begins anew
WIDTH_WITHOUT_TERMINAL = 160


class UserError(Exception):
    """An error whose message says what is wrong and what to do."""


def output() -> Console:
    """Return the standard output for tables: as wide as the terminal, or 160 columns wide."""
    out = Console(highlight=False)
    if not out.is_terminal:
        out.width = WIDTH_WITHOUT_TERMINAL
    return out


def say(text: str) -> None:
    """Print a line of progress."""
    _err.print(text, markup=False)


def done(what: str, how: str) -> None:
    """Print a line about a finished step."""
    _err.print(f"[green]✓[/] {what:<26} {how}")


def is_terminal() -> bool:
    """Return whether the lines of progress go to a terminal."""
    return _err.is_terminal


def dot() -> None:
    """Print a dot, as a sign that something goes on."""
    _err.file.write(".")
    _err.file.flush()


def live(content: RenderableType) -> Live:
    """Return a display on the terminal that is drawn anew when it is updated."""
    return Live(content, console=_err, auto_refresh=False, redirect_stdout=False)


def error(text: str) -> None:
    """Print one error message."""
    _err.print("[bold red]error:[/] ", end="")
    _err.print(text, markup=False)


@contextlib.contextmanager
def alive(what: str) -> Generator[Callable[[str], None]]:
    """Show that a long step is still running: a changing line on a terminal, else a dot a second.

    On a terminal the line ends with the text that was last given to the yielded function.
    """
    latest = ""
    began = time.monotonic()
    ended = threading.Event()

    def note(text: str) -> None:
        nonlocal latest
        latest = text

    def beat() -> None:
        beats = 0
        while not ended.wait(BEAT_SECONDS):
            seconds = time.monotonic() - began
            if _err.is_terminal:
                line = f"  {what}  {seconds:.0f} s  {latest}"
                _err.file.write("\r\x1b[K" + line[: _err.width - 1])
                _err.file.flush()
            elif beats % BEATS_OF_A_LINE == 0:
                _err.file.write(("\n" if beats else "") + f"  {what} {seconds:.0f} s ")
                _err.file.flush()
            else:
                dot()
            beats += 1

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield note
    finally:
        ended.set()
        thread.join()
        if time.monotonic() - began > BEAT_SECONDS:
            _err.file.write("\r\x1b[K" if _err.is_terminal else "\n")
            _err.file.flush()


@contextlib.contextmanager
def progress(what: str, total: int) -> Generator[Callable[[int], None]]:
    """Show a download's progress bar; the yielded function takes the number of new bytes."""
    columns = (TextColumn("  {task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=_err, transient=True) as bar:
        task = bar.add_task(what, total=total or None)
        yield lambda size: bar.advance(task, size)


def run(
    app: Callable[[], None],
    *errors: type[Exception],
    interrupted: str = "interrupted",
) -> None:
    """Run a command line; print a UserError, or one of `errors`, as a message and exit with 1."""
    try:
        app()
    except (UserError, *errors) as caught:
        error(str(caught))
        sys.exit(1)
    except KeyboardInterrupt:
        say(interrupted)
        sys.exit(130)
