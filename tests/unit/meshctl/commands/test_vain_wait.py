"""An update that waits for what nobody creates any more ends, and says why."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from meshctl.commands import vain_wait
from meshctl.commands.vain_wait import Update
from meshctl.workspace.stack import WorkspaceError

ENGINE = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
with open(sys.argv[2], "w") as events:
    events.write(sys.argv[3])
time.sleep(float(sys.argv[4]))
sys.exit(1)
"""
"""What stands in for Pulumi: it writes events, goes on for some seconds, and fails."""
STARTED, DONE, FAILED = "resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"
LONG, SHORT = 60.0, 0.5
ISTIO = "urn:pulumi:dev::mesh::mesh:index:IstioCore$kubernetes:helm.sh/v3:Chart"
INJECTOR = (
    f"{ISTIO}$kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfiguration::injector"
)
SERVICE = f"{ISTIO}$kubernetes:core/v1:Service::istio-system/istiod"
DEPLOYMENT = f"{ISTIO}$kubernetes:apps/v1:Deployment::istio-system/istiod"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(vain_wait, "PAUSE", 0.01)
    monkeypatch.setattr(vain_wait, "PATIENCE", 0.2)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _error(message: str) -> dict[str, Any]:
    return {"diagnosticEvent": {"severity": "error", "message": f"{message}\n"}}


def _step(kind: str, urn: str) -> dict[str, Any]:
    return {kind: {"metadata": {"urn": urn}}}


def _update(seconds: float, *events: dict[str, Any]) -> None:
    """Run an update that tells these events, and raise what a command raises."""
    with vain_wait.ended() as watched:
        engine = subprocess.run(
            [
                *(sys.executable, "-c", ENGINE, *watched),
                *("".join(f"{json.dumps(event)}\n" for event in events), str(seconds)),
            ],
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=False,
        )
        raise typer.Exit(engine.returncode)


@pytest.mark.parametrize("seconds", [LONG, 0])
def test_a_killed_program_ends_the_update(seconds: float) -> None:
    """Pulumi itself would wait, and tells an exit code only."""
    killed = _error("an unhandled error occurred: program exited with non-zero exit code: -1")

    with pytest.raises(WorkspaceError, match=r"was killed .* Run the same command again"):
        _update(seconds, _step(STARTED, DEPLOYMENT), killed)


def test_a_program_that_failed_has_said_why() -> None:
    """The update ends, and nothing is added to what the program printed."""
    failed = _error("an unhandled error occurred: Program exited with non-zero exit code: 1")

    with pytest.raises(typer.Exit):
        _update(LONG, failed)


def test_an_injector_that_waits_for_a_failed_istiod_ends_the_update() -> None:
    """Pulumi begins nothing more after a failure: istiod doesn't come."""
    with pytest.raises(typer.Exit) as ended:
        _update(
            LONG,
            _step(STARTED, ISTIO + "::istiod"),
            _step(STARTED, INJECTOR),
            _step(STARTED, SERVICE),
            _step(FAILED, SERVICE),
        )

    assert ended.value.exit_code != 1


@pytest.mark.parametrize(
    "steps",
    [
        [(STARTED, INJECTOR), (DONE, SERVICE)],
        [(STARTED, INJECTOR), (STARTED, DEPLOYMENT), (FAILED, SERVICE)],
        [(STARTED, INJECTOR), (DONE, INJECTOR), (FAILED, SERVICE)],
    ],
    ids=["nothing failed", "istiod starts", "nothing waits"],
)
def test_another_update_comes_to_its_own_end(steps: list[tuple[str, str]]) -> None:
    """What Pulumi has begun may well be done, also after a failure."""
    with pytest.raises(typer.Exit) as ended:
        _update(SHORT, *(_step(kind, urn) for kind, urn in steps))

    assert ended.value.exit_code == 1


def _told(*, goes_on: bool = False, is_interrupted: bool = False) -> Update:
    """Return an update in which only the injector runs, after a failure."""
    update = Update(goes_on=goes_on, is_interrupted=is_interrupted)
    for kind, urn in ((STARTED, INJECTOR), (STARTED, SERVICE), (FAILED, SERVICE)):
        update.add(_step(kind, urn))
    return update


def test_a_person_who_presses_ctrl_c_is_not_overruled() -> None:
    """A second signal would end running operations at once, and leave them pending."""
    assert _told().waits_in_vain
    assert not _told(is_interrupted=True).waits_in_vain


def test_an_update_that_goes_on_after_a_failure_is_left_alone() -> None:
    """By Pulumi's option, istiod may still come."""
    assert not _told(goes_on=True).waits_in_vain
    with vain_wait.ended(["--continue-on-error"]) as watched:
        assert watched[0] == "--event-log"


@pytest.mark.parametrize("given", [["--event-log", "x"], ["--event-log=x"]])
def test_a_persons_own_event_log_is_theirs(given: list[str]) -> None:
    """Pulumi writes one file: without it, nothing is watched."""
    with vain_wait.ended(given) as watched:
        assert watched == ()


@pytest.mark.parametrize("event", [{}, {STARTED: {}}, {STARTED: {"metadata": None}}])
def test_an_event_of_another_form_is_no_matter(event: dict[str, Any]) -> None:
    """Another Pulumi may write others."""
    update = Update()
    update.add(event)

    assert not update.waits_in_vain


def test_ctrl_c_reaches_the_command_as_before() -> None:
    """The watch only takes note of it."""
    with pytest.raises(KeyboardInterrupt), vain_wait.ended():
        signal.raise_signal(signal.SIGINT)
