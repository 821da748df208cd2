"""The display of an update without a terminal: lines that are only added, for a log."""

import threading
import time

import console
from meshctl.update.phases import Phase
from meshctl.update.view import View

PAUSE = 2.0  # seconds between two lines, or dots that show that the command goes on
REPEAT = 30.0  # seconds after which a line is said again


class Lines:
    """A line when something has changed, else a dot."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._lock = threading.Lock()
        self._next = self._repeat = 0.0
        self._said: set[str] = set()
        """Whatever needn't be said again."""
        self._last = ("", "")
        self._is_open = False

    def look(self) -> None:
        """Add a line, or a dot."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + PAUSE
        with self._lock:
            over = self._say_over(self._view.over)
            state, why = self._state(), self._why()
            if state and ((state, why) != self._last or now > self._repeat):
                self._last, self._repeat = (state, why), now + REPEAT
                new = f": {why}" if why and why not in self._said else ""
                self._said.add(why)
                self._line(f"  {state}{self._since()}{new}")
            elif not over:
                console.dot()
                self._is_open = True

    def tell(self, text: str) -> None:
        """Add a paragraph."""
        with self._lock:
            self._close()
            self._said.add(text.partition("\n")[0])
            console.say(text)

    def end(self) -> None:
        """Add what the last phases have done."""
        with self._lock:
            self._say_over(self._view.phases)
            self._close()

    def _say_over(self, over: list[Phase]) -> bool:
        """Say which phases are over, unless it was said."""
        texts = {
            phase.name: f"{'✗' if phase.has_failed or phase.running else '✓'} {phase.name}: "
            f"{phase.done or 'nothing done'} in {phase.ended - phase.begun:.0f} s"
            for phase in over
        }
        new = [text for text in texts.values() if text not in self._said]
        for text in new:
            self._said.add(text)
            self._line(text)
        return bool(new)

    def _state(self) -> str:
        """Return what is being done."""
        view = self._view
        if view.first:
            return f"{view.command} of stack {view.stack}: {view.first}"
        parts = [
            f"{phase.name}: {', '.join(filter(None, (phase.done, phase.in_work)))}"
            for phase in view.phases
            if phase.running
        ]
        parts += [f"waiting for {awaited}"] if (awaited := view.awaited) else []
        return "; ".join(parts)

    def _why(self) -> str:
        """Return why it takes long."""
        awaited = self._view.awaited
        return self._view.why(awaited) if awaited else ""

    def _since(self) -> str:
        """Return how long it has been waited, and how long all may take."""
        view = self._view
        awaited = view.awaited
        waited = f"for {view.update.seconds - awaited.begun:.0f} s" if awaited else ""
        usual = view.usual if view.usual not in self._said else ""
        self._said.add(usual)
        told = ", ".join(filter(None, (waited, view.left, usual)))
        return f" ({told})" if told else ""

    def _line(self, text: str) -> None:
        self._close()
        console.say(f"{self._view.update.seconds:5.0f} s {text}")

    def _close(self) -> None:
        if self._is_open:
            console.say("")
            self._is_open = False
