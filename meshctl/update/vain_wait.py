"""The end of an update that waits in vain: it is interrupted.

When the program is killed or an object fails, Pulumi begins nothing new, but it waits for what it
has begun. The injector's webhook configuration waits ten minutes for istiod, which is created after
it: now nobody creates istiod any more.
"""

import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from meshctl.update.events import Update

KILLED = "exit code: -1"  # how Pulumi's message about the program ends when a signal ended it
INJECTOR = "MutatingWebhookConfiguration"
"""The kind of the objects that wait for an object which is created after them."""
PATIENCE = 10.0  # seconds for Pulumi to end by itself
PATIENCE_AFTER = 20.0  # seconds for Pulumi to end after a Ctrl-C


@dataclass(kw_only=True)
class VainWait:
    """The watch that interrupts the Pulumi command which writes the events."""

    update: Update
    events: Path
    goes_on: bool
    """Whether Pulumi begins other objects after one has failed."""
    tell: Callable[[str], None]
    _next: float | None = None
    """When Pulumi is to be interrupted next."""

    def look(self) -> None:
        """Interrupt Pulumi, as Ctrl-C does, when it has waited in vain for too long."""
        if not waits_in_vain(self.update, goes_on=self.goes_on):
            self._next = None
        elif self._next is None:
            self._next = time.monotonic() + PATIENCE
        elif time.monotonic() > self._next:
            self._next = time.monotonic() + PATIENCE_AFTER
            for child in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):
                    if str(self.events) in child.cmdline():
                        self.tell("Pulumi waits for what nobody creates any more: interrupting it")
                        child.send_signal(signal.SIGINT)


def waits_in_vain(update: Update, *, goes_on: bool) -> bool:
    """Return whether Pulumi waits for what nobody does any more."""
    running = update.running
    waits_only = bool(running) and all(step.kind == INJECTOR for step in running)
    has_stopped = bool(update.failed) and not goes_on
    in_vain = bool(update.program) or (has_stopped and waits_only)
    return in_vain and not update.is_interrupted


def is_killed(update: Update) -> bool:
    """Return whether the program was killed."""
    return update.program.endswith(KILLED)


@contextmanager
def interruptible(update: Update) -> Generator[None]:
    """Note in the update that the person has pressed Ctrl-C; it reaches the command as before."""
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        update.is_interrupted = True
        assert callable(before)  # noqa: S101 - else this isn't the handler
        before(number, frame)

    if callable(before):
        signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
