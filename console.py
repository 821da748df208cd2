"""The terminal: one line for each step, a sign of life while one takes long, and errors."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Generator

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

_err = Console(stderr=True, highlight=False, soft_wrap=True)

BEAT_SECONDS = 2  # without a sign of life
WIDTH_WITHOUT_TERMINAL = 160


class UserError(Exception):
    """An error whose message tells a person what is wrong and what to do."""


def output() -> Console:
    """Return the standard output for tables: as wide as the terminal, or wide enough for them."""
    out = Console(highlight=False)
    if not out.is_terminal:
        out.width = WIDTH_WITHOUT_TERMINAL
    return out


def say(text: str) -> None:
    """Print a line of progress."""
    _err.print(text, markup=False)


def done(what: str, how: str) -> None:
    """Print the line of a finished step."""
    _err.print(f"[green]✓[/] {what:<26} {how}")


def error(text: str) -> None:
    """Print one error message."""
    _err.print("[bold red]error:[/] ", end="")
    _err.print(text, markup=False)


@contextlib.contextmanager
def alive(what: str) -> Generator[Callable[[str], None]]:
    """Show that a long step goes on: a line that moves on a terminal, else a dot every 2 s.

    What the step notes is shown beside it on a terminal.
    """
    latest = ""
    began = time.monotonic()
    ended = threading.Event()

    def note(text: str) -> None:
        nonlocal latest
        latest = text

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            seconds = time.monotonic() - began
            if _err.is_terminal:
                line = f"  {what}  {seconds:.0f} s  {latest}"
                _err.file.write("\r\x1b[K" + line[: _err.width - 1])
                _err.file.flush()
            elif round(seconds) % 30 < BEAT_SECONDS:
                _err.file.write(f"\n  {what} {seconds:.0f} s ")
                _err.file.flush()
            else:
                _err.file.write(".")
                _err.file.flush()

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
    """Show a download's progress bar; the yielded function takes the bytes that came."""
    columns = (TextColumn("  {task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=_err, transient=True) as bar:
        task = bar.add_task(what, total=total or None)
        yield lambda size: bar.advance(task, size)


def run(
    app: Callable[[], None],
    *errors: type[Exception],
    interrupted: str = "interrupted",
) -> None:
    """Run a command line: a UserError, or one of `errors`, is one message and exit code 1."""
    try:
        app()
    except (UserError, *errors) as caught:
        error(str(caught))
        sys.exit(1)
    except KeyboardInterrupt:
        say(interrupted)
        sys.exit(130)
