"""A container's probes: when they are made, and from when they count."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from lightkube.models.core_v1 import Container, ExecAction, HTTPGetAction, Probe

from sandbox.node import probes
from sandbox.node.probes import Prober

NO = "connection refused"


class Answers:
    """Answers of a container, in the order in which it is asked; the last one stays."""

    def __init__(self, *answers: str | None) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, _probe: Probe) -> str | None:
        """Return the next answer."""
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def prober(answers: Answers, otherwise: Probe | None = None, **named: Probe) -> Prober:
    """Return the probes of a container that was started at 100."""
    spec = Container(name="app")
    for kind, probe in named.items():
        setattr(spec, f"{kind}Probe", probe)
    return probes.prober(spec, answers, 100.0, otherwise)


def test_it_is_ready_after_its_first_success() -> None:
    """A kubelet asks a container that isn't ready more often than by the period."""
    one = prober(Answers(NO, NO, None), readiness=Probe(periodSeconds=15))

    assert one.step(100.0) == pytest.approx(100.2)
    assert not one.is_ready
    one.step(100.2)
    one.step(100.4)

    assert one.is_ready


def test_it_stays_ready_until_the_threshold() -> None:
    """Three failures in a row, by default; then one success makes it ready."""
    one = prober(Answers(None, NO, NO, NO, None), readiness=Probe(periodSeconds=10))
    ready = []
    for now in (100, 110, 120, 130, 140):
        one.step(now)
        ready.append(one.is_ready)

    assert ready == [True, True, True, False, True]
    assert one.told == [f"Readiness probe failed: {NO}"]
    assert one.failed is None


def test_a_probe_that_cannot_be_made_has_failed() -> None:
    """The later ones are made all the same."""

    def ask(_probe: Probe) -> str | None:
        raise ValueError("embedded null byte")

    one = probes.prober(
        Container(name="app", livenessProbe=Probe(failureThreshold=1)), ask, 100.0, None
    )
    one.step(100.0)

    assert one.told == ["Liveness probe failed: it can't be made: embedded null byte"]


def test_several_successes_can_be_needed() -> None:
    """By successThreshold; a failure begins the count anew."""
    one = prober(Answers(None, NO, None, None), readiness=Probe(successThreshold=2))
    ready = []
    for now in (100, 110, 120, 130):
        one.step(now)
        ready.append(one.is_ready)

    assert ready == [False, False, False, True]


def test_nothing_is_asked_before_the_delay() -> None:
    """That of initialDelaySeconds, from the container's start."""
    answers = Answers(None)
    one = prober(answers, readiness=Probe(initialDelaySeconds=5))

    one.step(101.0)
    assert answers.asked == 0

    one.step(105.0)
    assert one.is_ready


def test_a_failed_liveness_probe_restarts() -> None:
    """After its own threshold, and with the reason for the pod's events."""
    one = prober(Answers(None, NO, NO), liveness=Probe(failureThreshold=2, periodSeconds=1))
    for now in (100, 101, 102):
        one.step(now)

    assert one.failed == "liveness"
    assert one.told == [f"Liveness probe failed: {NO}"]


def test_no_other_probe_is_made_before_it_has_started() -> None:
    """Only the startup probe, whose end is followed by the others at once."""
    answers = Answers(NO, None)
    one = prober(
        answers,
        startup=Probe(periodSeconds=1, failureThreshold=600),
        liveness=Probe(),
        readiness=Probe(),
    )

    assert one.step(100.0) == 101.0
    assert (answers.asked, one.has_started, one.is_ready) == (1, False, False)
    assert one.step(101.0) == 101.0
    assert (one.has_started, one.is_ready) == (True, False)
    one.step(101.0)

    assert one.is_ready


def test_a_startup_that_takes_too_long_restarts() -> None:
    """After failureThreshold times periodSeconds."""
    one = prober(Answers(NO), startup=Probe(periodSeconds=1, failureThreshold=2))
    one.step(100.0)
    assert one.failed is None

    one.step(101.0)

    assert one.failed == "startup"


def test_without_a_probe_it_is_ready_when_it_listens() -> None:
    """No event tells of the failures of what it doesn't ask for."""
    one = prober(Answers(NO), otherwise=Probe())
    for now in (100, 110, 120, 130):
        one.step(now)

    assert (one.has_started, one.is_ready, one.told) == (True, False, [])


class Handler(BaseHTTPRequestHandler):
    """A server whose path is the status that it answers."""

    def do_GET(self) -> None:
        """Answer the status; a wrong header is one of 500."""
        is_right = self.headers["x-probe"] == "yes"
        self.send_response(int(self.path.strip("/")) if is_right else 500)
        self.end_headers()


@pytest.fixture
def port() -> Iterator[int]:
    """Serve statuses."""
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "failure"), [("/200", None), ("/301", None), ("404", "404"), ("/503", "503")]
)
def test_an_http_probe_fails_with_an_error_status(
    port: int, path: str, failure: str | None
) -> None:
    """From 400 on, as with a kubelet; its headers are sent."""
    action: Any = {"path": path, "port": port, "httpHeaders": [{"name": "x-probe", "value": "yes"}]}
    probe = Probe(httpGet=HTTPGetAction.from_dict(action))

    found = probes.ask_http(probe, "127.0.0.1", port)

    assert found == (failure and f"HTTP probe failed with statuscode: {failure}")


def test_nothing_that_answers_is_a_failure(port: int) -> None:
    """Of an HTTP probe and of a TCP probe."""
    closed = 1
    assert probes.ask_tcp(Probe(), "127.0.0.1", port) is None
    assert "refused" in str(probes.ask_tcp(Probe(), "127.0.0.1", closed))
    probe = Probe(httpGet=HTTPGetAction(port=closed))
    assert "refused" in str(probes.ask_http(probe, "127.0.0.1", closed))


@pytest.mark.parametrize(
    ("program", "failure"),
    [
        ("pass", None),
        ("print('no disk'); exit(3)", "it ended with 3: no disk"),
        ("import time; time.sleep(60)", "command timed out after 1 s"),
    ],
)
def test_an_exec_probe_fails_with_a_code(program: str, failure: str | None) -> None:
    """With its last output, or when it takes too long."""
    words = [sys.executable, "-c", program]

    assert probes.ask_program(Probe(exec=ExecAction(command=words)), words, {}) == failure
