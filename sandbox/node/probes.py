"""A container's probes, made and counted as a kubelet does."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import httpx2
from lightkube.models.core_v1 import Container as ContainerSpec
from lightkube.models.core_v1 import Probe

EAGER_SECONDS = 0.2
"""The time between two looks at a container that isn't ready: its probe's own time may be long."""
TOLD_AFTER = 3
"""Failures in a row that an event tells of, if the probe doesn't count as failed before."""
OUTPUT_CHARACTERS = 300

Ask = Callable[[Probe], str | None]
"""Makes a probe once; returns why it failed, or None."""


@dataclass
class Check:
    """One of a container's probes, and its answers so far."""

    kind: str
    """startup, readiness or liveness."""
    probe: Probe
    passes: bool
    due: float
    is_told: bool = True
    """Whether failures are worth an event."""
    successes: int = 0
    failures: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether it has failed as often in a row as it may."""
        return self.failures >= (self.probe.failureThreshold or 3)

    def note(self, failure: str | None) -> None:
        """Count an answer."""
        if failure is None:
            self.successes, self.failures = self.successes + 1, 0
            self.passes = self.passes or self.successes >= (self.probe.successThreshold or 1)
        else:
            self.successes, self.failures = 0, self.failures + 1
            self.passes = self.passes and not self.has_failed


@dataclass
class Prober:
    """The probes of a container while one of its programs runs."""

    ask: Ask
    startup: Check | None
    others: Sequence[Check]
    told: list[str] = field(default_factory=list)
    """What events are to say of failures."""
    failed: str | None = None
    """The kind of the probe because of which the program must be started again."""
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def has_started(self) -> bool:
        """Whether the startup probe was answered once, or there is none."""
        return self.startup is None or self.startup.passes

    @property
    def is_ready(self) -> bool:
        """Whether the container is ready."""
        return self.has_started and all(c.passes for c in self.others if c.kind == "readiness")

    def step(self, now: float) -> float:
        """Make the probes that are due, and return when to look again."""
        checks = self.others if self.startup is None or self.startup.passes else [self.startup]
        for check in checks:
            was_asked = check.successes + check.failures > 0
            is_eager = check.kind == "readiness" and was_asked and not check.passes
            if now >= check.due:
                check.due = now + (check.probe.periodSeconds or 10)
                self._note(check, self._answer(check.probe))
            # As a kubelet, only more often: a container gets ready before its probe's next time.
            elif is_eager and self._answer(check.probe) is None:
                check.note(None)
        if self.startup is not None and checks == [self.startup]:
            return now if self.startup.passes else self.startup.due
        eager = [now + EAGER_SECONDS] if any(not c.passes for c in self.others) else []
        return min([*(check.due for check in checks), *eager], default=now + 3600)

    def start(self, changed: Callable[[], None]) -> None:
        """Make the probes in a thread of their own; `changed` is called when something changes."""

        def run() -> None:
            while self.failed is None:
                before = (self.has_started, self.is_ready, self.failed, len(self.told))
                again = self.step(time.monotonic())
                if self._ended.is_set():
                    return
                if before != (self.has_started, self.is_ready, self.failed, len(self.told)):
                    changed()
                if self._ended.wait(max(0, again - time.monotonic())):
                    return

        threading.Thread(target=run, daemon=True).start()

    def end(self) -> None:
        """Make no more probes."""
        self._ended.set()

    def _answer(self, probe: Probe) -> str | None:
        try:
            return self.ask(probe)
        # A header that isn't ASCII, or no file left: no probe ends the thread of all later ones.
        except (OSError, ValueError) as error:
            return f"it can't be made: {error}"

    def _note(self, check: Check, failure: str | None) -> None:
        check.note(failure)
        if failure is None:
            return
        if check.is_told and (check.has_failed or check.failures >= TOLD_AFTER):
            self.told.append(f"{check.kind.capitalize()} probe failed: {failure}")
        if check.has_failed and check.kind != "readiness":
            self.failed = check.kind


def prober(spec: ContainerSpec, ask: Ask, began: float, otherwise: Probe | None) -> Prober:
    """Return the probes of a container; `otherwise` says when it is ready if it has no probe."""

    def checks() -> Iterable[Check]:
        for kind, probe in (("readiness", spec.readinessProbe), ("liveness", spec.livenessProbe)):
            used = probe or (otherwise if kind == "readiness" else None)
            if used is not None:
                due = began + (used.initialDelaySeconds or 0)
                is_told = probe is not None
                yield Check(kind, used, passes=kind == "liveness", due=due, is_told=is_told)

    first = spec.startupProbe
    return Prober(
        ask,
        first
        and Check("startup", first, passes=False, due=began + (first.initialDelaySeconds or 0)),
        list(checks()),
    )


def ask_http(probe: Probe, address: str, port: int) -> str | None:
    """Make a GET request; every status from 200 to 399 is a success."""
    action = probe.httpGet
    scheme = (action.scheme or "HTTP").lower()
    try:
        answer = httpx2.get(
            f"{scheme}://{action.host or address}:{port}/{(action.path or '').lstrip('/')}",
            headers={header.name: header.value for header in action.httpHeaders or []},
            timeout=probe.timeoutSeconds or 1,
            verify=False,
            trust_env=False,
        )
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return f"Get {error!r}"
    if answer.status_code < 400:
        return None
    return f"HTTP probe failed with statuscode: {answer.status_code}"


def ask_tcp(probe: Probe, address: str, port: int) -> str | None:
    """Make a connection."""
    try:
        socket.create_connection((address, port), timeout=probe.timeoutSeconds or 1).close()
    except OSError as error:
        return f"dial tcp {address}:{port}: {error}"
    return None


def ask_program(probe: Probe, words: Sequence[str], environment: dict[str, str]) -> str | None:
    """Run a program; the code 0 is a success."""
    seconds = probe.timeoutSeconds or 1
    try:
        answer = subprocess.run(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"command timed out after {seconds} s"
    except OSError as error:
        return str(error)
    output = answer.stdout.decode(errors="replace").strip()[-OUTPUT_CHARACTERS:]
    return f"it ended with {answer.returncode}: {output}" if answer.returncode else None
