"""A container: its program's end is noticed, told and followed by a start."""

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from sandbox.node import container as container_module
from sandbox.node.container import Container, Failure

CRASHES = [sys.executable, "-c", "import sys; print('no port is free'); sys.exit(3)"]
HAS_A_CHILD = [
    *(sys.executable, "-c"),
    "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)",
]


def ended(one: Container) -> bool:
    """Wait until the container's program has ended."""
    for _ in range(200):
        if one.check_end():
            return True
        time.sleep(0.05)
    return False


def test_its_end_is_told_by_code_and_last_line(tmp_path: Path) -> None:
    """As the pod's status and events show it."""
    one = Container(name="details", image="", log=tmp_path / "log")

    one.start(CRASHES, {}, lambda: None)

    assert ended(one)
    assert one.summary == "container details ended with 3: no port is free"
    assert one.waits


def test_it_is_started_again_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause that grows with each end."""
    monkeypatch.setattr(container_module, "FIRST_PAUSE", 0.0)
    one = Container(name="details", image="", log=tmp_path / "log")
    for _ in range(3):
        one.start(CRASHES, {}, lambda: None)
        assert ended(one)

    assert one.restarts == 2


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    """Envoy ends when its agent is killed."""
    one = Container(name="istio-proxy", image="", log=tmp_path / "log")
    one.start(HAS_A_CHILD, {}, lambda: None)
    assert one._process is not None
    program = psutil.Process(one._process.pid)
    while not (children := program.children()):
        time.sleep(0.05)

    program.kill()

    assert ended(one)
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_a_failure_is_told_once(tmp_path: Path) -> None:
    """A program that can't be started is tried again, without the same event each time."""
    one = Container(name="details", image="", log=tmp_path / "log")

    assert one.fail(Failure("CreateContainerError", "no space left on device"))
    assert not one.fail(Failure("CreateContainerError", "no space left on device"))
    assert one.summary == "container details can't be started: no space left on device"


def test_the_log_before_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For `kubectl logs --previous`; the log itself begins anew."""
    monkeypatch.setattr(container_module, "FIRST_PAUSE", 0.0)
    one = Container(name="details", image="", log=tmp_path / "details.log")
    for word in ("first", "second"):
        one.start([sys.executable, "-c", f"print({word!r})"], {}, lambda: None)
        assert ended(one)

    assert (one.previous_log.read_text(), one.log.read_text()) == ("first\n", "second\n")


def test_one_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """After the time that it has to end by itself, as when its liveness probe fails."""
    ignoring = "signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    ignores = f"import signal, time; {ignoring}; time.sleep(60)"
    one = Container(name="details", image="", log=tmp_path / "details.log")
    one.start([sys.executable, "-c", ignores], {}, lambda: None)
    while not one.log.read_text():
        time.sleep(0.05)

    one.terminate(0.1)

    assert ended(one)
    assert one.last is not None
    assert one.last.signal == signal.SIGKILL
