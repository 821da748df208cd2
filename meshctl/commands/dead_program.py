"""A watch on the program behind a running update: when it is killed, the update ends too.

Pulumi begins nothing new when the program was killed, for example for want of memory, but it waits
for what it has begun. That can wait for an object that only the program would have registered: the
injector's webhook configuration waits ten minutes for istiod.
"""

import json
import signal
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import typer

import console
from meshctl.workspace.stack import WorkspaceError

EVENT_LOG = "--event-log"  # Pulumi's option for a file that it writes all its events to
ENDED = "an unhandled error occurred: program exited"
"""How Pulumi's error begins when the program ended and didn't say why."""
KILLED = "exit code: -1"  # how it ends when a signal ended the program
PAUSE = 0.5  # seconds between two looks at Pulumi's events
PATIENCE = 5.0  # seconds for running operations to end by themselves
PATIENCE_AFTER = 20.0  # seconds for Pulumi to end after a Ctrl-C


@contextmanager
def noticed() -> Generator[tuple[str, ...]]:
    """Interrupt the Pulumi command in the block when its program has died.

    Yields the options that the command needs. Raises WorkspaceError, after the command has failed,
    if the program was killed.
    """
    reasons: list[str] = []
    try:
        with _watched(reasons) as options:
            yield options
    except typer.Exit as failed:
        if any(reason.endswith(KILLED) for reason in reasons):
            raise WorkspaceError(
                "the Pulumi program was killed before the update was done, so the update was "
                "stopped; if the machine was out of memory, `dmesg` says so. Run the same "
                "command again: it continues where this update ended"
            ) from failed
        raise


@contextmanager
def _watched(reasons: list[str]) -> Generator[tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="pulumi-events-") as folder:
        events = Path(folder, "events.json")
        events.touch()
        ended = threading.Event()
        watching = threading.Thread(target=_watch, args=(events, ended, reasons), daemon=True)
        watching.start()
        try:
            yield EVENT_LOG, str(events)
        finally:
            ended.set()
            watching.join()


def _watch(events: Path, ended: threading.Event, reasons: list[str]) -> None:
    """Collect why the program ended, if it did; interrupt Pulumi when that isn't enough."""
    unread, is_last = "", False
    with events.open() as file:
        while not is_last:
            is_last = ended.wait(PAUSE)
            *lines, unread = (unread + file.read()).split("\n")
            reasons += filter(None, map(_reason, lines))
            if reasons and not ended.wait(PATIENCE):
                _interrupt(events, ended)


def _reason(line: str) -> str | None:
    """Return Pulumi's message if the event is the program's end."""
    said = json.loads(line).get("diagnosticEvent", {}).get("message", "").strip()
    return said if said.casefold().startswith(ENDED) else None


def _interrupt(events: Path, ended: threading.Event) -> None:
    """Send Pulumi, which writes the events, what Ctrl-C sends, until it ends."""
    console.say("\nthe Pulumi program has ended: interrupting the update")
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            while str(events) in child.cmdline() and not ended.is_set():
                child.send_signal(signal.SIGINT)
                ended.wait(PATIENCE_AFTER)
