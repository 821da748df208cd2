"""An update that waits for what nobody creates any more is interrupted."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshctl.update import vain_wait
from meshctl.update.events import Update
from meshctl.update.vain_wait import VainWait, waits_in_vain

from .streams import DONE, FAILED, INJECTOR, ISTIOD, SERVICE, STARTED, said, step, update

ENGINE = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
print("started", flush=True)
try:
    time.sleep(60)
finally:
    time.sleep(0.3)
"""
"""What stands in for Pulumi, which waits, and takes its time to end."""
KILLED = said("error", "an unhandled error occurred: program exited with non-zero exit code: -1")
ENDED = said("error", "an unhandled error occurred: Program exited with non-zero exit code: 1")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a command that has the file of events among its arguments, and waits."""
    monkeypatch.setattr(vain_wait, "PATIENCE", 0.0)
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE, "--event-log", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def _watch(found: Update, events: Path) -> tuple[VainWait, list[str]]:
    told: list[str] = []
    return VainWait(update=found, events=events, goes_on=False, tell=told.append), told


def test_a_command_that_waits_in_vain_is_interrupted(
    engine: subprocess.Popen[str], tmp_path: Path
) -> None:
    """As by Ctrl-C, once, and it is said."""
    watch, told = _watch(update([step(STARTED, ISTIOD), KILLED]), tmp_path)
    deadline = time.monotonic() + 30
    while engine.poll() is None and time.monotonic() < deadline:
        watch.look()
        time.sleep(0.01)

    assert engine.poll() not in (None, 0)
    assert told == ["Pulumi waits for what nobody creates any more: interrupting it"]


def test_a_command_that_goes_on_is_left_alone(
    engine: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Whatever it takes."""
    watch, told = _watch(update([step(STARTED, ISTIOD)]), tmp_path)
    for _ in range(5):
        watch.look()

    assert told == []
    assert engine.poll() is None


@pytest.mark.parametrize("end", [KILLED, ENDED])
def test_without_its_program_an_update_waits_in_vain(end: str) -> None:
    """Pulumi itself would wait, for what it has begun."""
    found = update([step(STARTED, ISTIOD), end])

    assert waits_in_vain(found, goes_on=False)
    assert vain_wait.is_killed(found) is (end == KILLED)


def test_an_injector_that_waits_for_a_failed_istiod_waits_in_vain() -> None:
    """Pulumi begins nothing more after a failure: istiod doesn't come."""
    found = update([step(STARTED, INJECTOR), step(STARTED, SERVICE), step(FAILED, SERVICE)])

    assert waits_in_vain(found, goes_on=False)
    assert not waits_in_vain(found, goes_on=True), "by Pulumi's option, istiod may still come"


@pytest.mark.parametrize(
    "steps",
    [
        [(STARTED, INJECTOR), (STARTED, SERVICE), (DONE, SERVICE)],
        [(STARTED, INJECTOR), (STARTED, ISTIOD), (STARTED, SERVICE), (FAILED, SERVICE)],
        [(STARTED, INJECTOR), (DONE, INJECTOR), (STARTED, SERVICE), (FAILED, SERVICE)],
    ],
    ids=["nothing failed", "istiod starts", "nothing waits"],
)
def test_another_update_comes_to_its_own_end(steps: list[tuple[str, str]]) -> None:
    """What Pulumi has begun may well be done, also after a failure."""
    assert not waits_in_vain(update([step(*each) for each in steps]), goes_on=False)


def test_a_person_who_presses_ctrl_c_is_not_overruled() -> None:
    """It reaches the command as before; a second signal would end operations at once."""
    found = update([step(STARTED, ISTIOD), KILLED])
    with pytest.raises(KeyboardInterrupt), vain_wait.interruptible(found):
        signal.raise_signal(signal.SIGINT)

    assert not waits_in_vain(found, goes_on=False)
