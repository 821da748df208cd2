"""A container of a pod: one program, restarted with growing pauses, as a kubelet does."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
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


@dataclass(frozen=True)
class Failure:
    """Why a container's program can't be started at all."""

    reason: str
    """A kubelet's word, such as CreateContainerError."""
    message: str


@dataclass
class Container:
    """The program of a container, and what became of it."""

    name: str
    image: str
    log: Path
    restarts: int = 0
    started: str | None = None
    last: End | None = None
    failure: Failure | None = None
    ready: bool = False
    has_started: bool = False
    """Whether its startup probe was answered once."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The environment of its last program."""
    _process: subprocess.Popen[bytes] | None = None
    _began: float = 0.0
    _ends: int = 0
    _start_after: float = 0.0
    _kill_at: float | None = None

    @property
    def runs(self) -> bool:
        """Whether its program runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def previous_log(self) -> Path:
        """The log of the program before."""
        return self.log.with_suffix(".previous")

    @property
    def summary(self) -> str:
        """What happened to it last, in a line."""
        if self.failure is not None:
            return f"container {self.name} can't be started: {self.failure.message}"
        if self.last is None:
            return f"container {self.name} was never started"
        line = next(iter(self.last.message.strip().splitlines()[-1:]), "its log is empty")
        return f"container {self.name} ended with {self.last.code}: {line}"

    @property
    def waits(self) -> bool:
        """Whether its program ended and isn't started again yet."""
        return not self.runs and time.monotonic() < self._start_after

    @property
    def pause(self) -> float:
        """The seconds from the last end of its program to the next start."""
        return min(FIRST_PAUSE * 2 ** max(self._ends - 1, 0), LONGEST_PAUSE)

    def start(
        self, words: Sequence[str], environment: Mapping[str, str], wake: Callable[[], None]
    ) -> None:
        """Start the program; `wake` is called when it ends."""
        if self.log.exists():
            self.log.replace(self.previous_log)
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.failure, self._kill_at, self.environment = None, None, environment
        if self._ends:
            self.restarts += 1
        self._process, self._began, self.started = process, time.monotonic(), now()
        threading.Thread(target=lambda: (process.wait(), wake()), daemon=True).start()

    def fail(self, failure: Failure) -> bool:
        """Take note that the program can't be started; return whether that is new."""
        is_new = self.failure != failure
        self.failure, self._start_after = failure, time.monotonic() + RETRY_SECONDS
        return is_new

    def check_end(self) -> bool:
        """Take note of the program's end; return whether it has just ended."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            if self._kill_at is not None and time.monotonic() > self._kill_at:
                _kill_group(self._process.pid)
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
        self._ends += 1
        self._start_after = time.monotonic() + self.pause
        self._process, self.started = None, None
        self.ready = self.has_started = False
        return True

    def terminate(self, seconds: float | None = None) -> None:
        """Ask the program to end; `check_end` kills it when it still runs after some seconds."""
        if self.runs and self._process is not None:
            self._process.terminate()
            self._kill_at = None if seconds is None else time.monotonic() + seconds

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
