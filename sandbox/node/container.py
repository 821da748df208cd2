"""A container of a pod: one program, restarted with growing pauses, as a kubelet does."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds until a program that ended is started again: twice as many after each further end."""
HEALTHY_SECONDS = 60.0
"""The time after which an end counts as the first one again."""
RETRY_SECONDS = 5.0
"""The time until a program that couldn't be started is tried again."""
TAIL_BYTES = 2000


@dataclass(frozen=True)
class End:
    """How a container's program ended."""

    code: int
    signal: int
    started: str
    finished: str
    message: str
    """The end of its log."""


@dataclass
class Container:
    """The program of a container, and what became of it."""

    name: str
    image: str
    log: Path
    restarts: int = 0
    started: str | None = None
    last: End | None = None
    trouble: str | None = None
    """Why the program can't be started at all."""
    ready: bool = False
    has_started: bool = False
    """Whether its startup probe was answered once."""
    _process: subprocess.Popen[bytes] | None = None
    _began: float = 0.0
    _ends: int = 0
    _start_after: float = field(default=0.0)

    @property
    def runs(self) -> bool:
        """Whether its program runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def story(self) -> str:
        """What happened to it last, in a line."""
        if self.trouble is not None:
            return f"container {self.name} can't be started: {self.trouble}"
        if self.last is None:
            return f"container {self.name} was never started"
        line = next(iter(self.last.message.strip().splitlines()[-1:]), "its log is empty")
        return f"container {self.name} ended with {self.last.code}: {line}"

    @property
    def waits(self) -> bool:
        """Whether its program ended and isn't started again yet."""
        return not self.runs and time.monotonic() < self._start_after

    def start(
        self, words: list[str], environment: dict[str, str], wake: Callable[[], None]
    ) -> None:
        """Start the program; `wake` is called when it ends."""
        self.trouble = None
        if self._ends:
            self.restarts += 1
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._process, self._began, self.started = process, time.monotonic(), now()
        threading.Thread(target=lambda: (process.wait(), wake()), daemon=True).start()

    def fail(self, trouble: str) -> bool:
        """Take note that the program can't be started; return whether that is new."""
        is_new = self.trouble != trouble
        self.trouble, self._start_after = trouble, time.monotonic() + RETRY_SECONDS
        return is_new

    def look(self) -> bool:
        """Take note of the program's end; return whether it has just ended."""
        if self._process is None or self._process.poll() is None:
            return False
        code = self._process.returncode
        # What the program started ends with it: Envoy with the agent.
        _kill_group(self._process.pid)
        self.last = End(
            code=code if code >= 0 else 128 - code,
            signal=max(-code, 0),
            started=self.started or now(),
            finished=now(),
            message=_tail(self.log),
        )
        if time.monotonic() - self._began > HEALTHY_SECONDS:
            self._ends = 0
        pause = min(FIRST_PAUSE * 2**self._ends, LONGEST_PAUSE)
        self._ends += 1
        self._start_after = time.monotonic() + pause
        self._process, self.started = None, None
        self.ready = self.has_started = False
        return True

    def terminate(self) -> None:
        """Ask the program to end."""
        if self.runs and self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End the program at once, and all that it started."""
        if self._process is not None:
            _kill_group(self._process.pid)
            self._process.wait()


def now() -> str:
    """Return the time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    # Orphans come to the node's first process, which is this one.
    with suppress(ChildProcessError):
        while os.waitpid(-leader, os.WNOHANG)[0]:
            pass


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace")
