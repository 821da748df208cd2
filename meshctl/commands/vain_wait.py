"""A watch on a running update: an update that waits in vain is interrupted.

When the program is killed or an object fails, Pulumi begins nothing new, but it waits for what it
has begun. The injector's webhook configuration waits ten minutes for istiod, which is created after
it: now nobody creates istiod any more.
"""

import json
import signal
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import typer

import console
from meshctl.workspace.stack import WorkspaceError

EVENT_LOG = "--event-log"
"""Pulumi's option for a file that it writes its events to; its Automation API uses it too."""
ENDED = "an unhandled error occurred: program exited"
"""How Pulumi's error begins when the program ended and didn't say why."""
KILLED = "exit code: -1"  # how it ends when a signal ended the program
CONTINUE = ("--continue-on-error", "-C")
"""Pulumi's option to begin other objects after one has failed."""
CHART = "kubernetes:helm.sh/v3:Chart"  # no object, but the parent of a chart's objects
INJECTOR = ":MutatingWebhookConfiguration"
"""How the type of the objects ends that wait for an object which is created after them."""
PAUSE = 0.5  # seconds between two looks at Pulumi's events
PATIENCE = 10.0  # seconds for Pulumi to end by itself
PATIENCE_AFTER = 20.0  # seconds for Pulumi to end after a Ctrl-C


@dataclass(kw_only=True)
class Update:
    """What a running Pulumi command has told by its events."""

    program: str = ""
    """Pulumi's message about the end of the program; empty while it runs, or if it said why."""
    has_failed: bool = False
    """Whether an object has failed."""
    goes_on: bool = False
    """Whether Pulumi begins other objects after one has failed."""
    is_interrupted: bool = False
    """Whether the person has pressed Ctrl-C: a second one would end running operations at once."""
    running: set[str] = field(default_factory=set)
    """The URNs of the objects that Pulumi works on."""

    @property
    def waits_in_vain(self) -> bool:
        """Whether Pulumi waits for what nobody does any more."""
        waits_only = bool(self.running) and all(
            urn_type(u).endswith(INJECTOR) for u in self.running
        )
        has_stopped = self.has_failed and not self.goes_on
        in_vain = bool(self.program) or (has_stopped and waits_only)
        return in_vain and not self.is_interrupted

    def add(self, event: dict[str, Any]) -> None:
        """Take in the next event."""
        said = event.get("diagnosticEvent", {}).get("message", "").strip()
        if said.casefold().startswith(ENDED):
            self.program = said
        for kind in event.keys() & {"resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"}:
            urn = (event[kind].get("metadata") or {}).get("urn")
            if urn is None:
                continue
            if kind != "resourcePreEvent":
                self.running.discard(urn)
            elif urn_type(urn).startswith("kubernetes:") and urn_type(urn) != CHART:
                self.running.add(urn)
            self.has_failed = self.has_failed or kind == "resOpFailedEvent"


def urn_type(urn: str) -> str:
    """Return a resource's own type, without its parents'."""
    return urn.split("::")[2].rpartition("$")[2]


@contextmanager
def ended(arguments: Sequence[str] = ()) -> Generator[tuple[str, ...]]:
    """Interrupt the Pulumi command in the block when it waits in vain.

    `arguments` are the person's. Yields the options that the command needs in addition. Raises
    WorkspaceError, after the command has failed, if the program was killed.
    """
    if any(each.partition("=")[0] == EVENT_LOG for each in arguments):
        yield ()  # Pulumi writes one file only, and this one is the person's
        return
    update = Update(goes_on=any(each.partition("=")[0] in CONTINUE for each in arguments))
    try:
        with _watched(update) as options:
            yield options
    except typer.Exit as failed:
        if update.program.endswith(KILLED):
            raise WorkspaceError(
                "the Pulumi program was killed before the update was done, so the update was "
                "stopped; if the machine was out of memory, `dmesg` says so. Run the same "
                "command again: it continues where this update ended"
            ) from failed
        raise


@contextmanager
def _watched(update: Update) -> Generator[tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="pulumi-events-") as folder:
        events = Path(folder, "events.json")
        events.touch()
        over = threading.Event()
        watching = threading.Thread(target=_watch, args=(events, over, update), daemon=True)
        watching.start()
        before = signal.getsignal(signal.SIGINT)

        def note(number: int, frame: FrameType | None) -> None:
            update.is_interrupted = True
            assert callable(before)  # noqa: S101 - else this isn't the handler
            before(number, frame)

        if callable(before):
            signal.signal(signal.SIGINT, note)
        try:
            yield EVENT_LOG, str(events)
        finally:
            signal.signal(signal.SIGINT, before)
            over.set()
            watching.join()


def _watch(events: Path, over: threading.Event, update: Update) -> None:
    """Follow the events until the command is over; interrupt it when it waits in vain."""
    unread, is_last, began = "", False, None
    with events.open() as file:
        while not is_last:
            is_last = over.wait(PAUSE)
            *lines, unread = (unread + file.read()).split("\n")
            for line in lines:
                with suppress(ValueError, TypeError, AttributeError):  # an event of another form
                    update.add(json.loads(line))
            began = (began or time.monotonic()) if update.waits_in_vain else None
            if began is not None and time.monotonic() > began + PATIENCE:
                _interrupt(events, over)


def _interrupt(events: Path, over: threading.Event) -> None:
    """Send Pulumi, which writes the events, what Ctrl-C sends, until it ends."""
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            while str(events) in child.cmdline() and not over.is_set():
                console.say("\nPulumi waits for what nobody creates any more: interrupting it")
                child.send_signal(signal.SIGINT)
                over.wait(PATIENCE_AFTER)
