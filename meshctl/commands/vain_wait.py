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
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
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
    running: set[str] = field(default_factory=set)
    """The URNs of the objects that Pulumi works on."""

    @property
    def waits_in_vain(self) -> bool:
        """Whether Pulumi waits for what nobody does any more."""
        waits_only = bool(self.running) and all(
            urn_type(u).endswith(INJECTOR) for u in self.running
        )
        return bool(self.program) or (self.has_failed and waits_only)

    def add(self, event: dict[str, Any]) -> None:
        """Take in the next event."""
        said = event.get("diagnosticEvent", {}).get("message", "").strip()
        if said.casefold().startswith(ENDED):
            self.program = said
        for kind in event.keys() & {"resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"}:
            urn = event[kind]["metadata"]["urn"]
            if kind != "resourcePreEvent":
                self.running.discard(urn)
            elif urn_type(urn).startswith("kubernetes:") and urn_type(urn) != CHART:
                self.running.add(urn)
            self.has_failed = self.has_failed or kind == "resOpFailedEvent"


def urn_type(urn: str) -> str:
    """Return a resource's own type, without its parents'."""
    return urn.split("::")[2].rpartition("$")[2]


@contextmanager
def ended() -> Generator[tuple[str, ...]]:
    """Interrupt the Pulumi command in the block when it waits in vain.

    Yields the options that the command needs. Raises WorkspaceError, after the command has failed,
    if the program was killed.
    """
    update = Update()
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
        try:
            yield EVENT_LOG, str(events)
        finally:
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
