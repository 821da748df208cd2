"""When the program behind an update is killed, the update ends, and says why."""

import json
import subprocess
import sys

import pytest
import typer

from meshctl.commands import dead_program
from meshctl.workspace.stack import WorkspaceError

ENGINE = """
import sys, time
with open(sys.argv[2], "w") as events:
    events.write(sys.argv[3] + "\\n")
time.sleep(float(sys.argv[4]))
sys.exit(1)
"""
"""What stands in for Pulumi: it writes an event, goes on for some seconds, and fails."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_program, "PAUSE", 0.01)
    monkeypatch.setattr(dead_program, "PATIENCE", 0.2)


def _update(message: str, seconds: float) -> int:
    """Run an update in which Pulumi reports an error, and raise what a command raises."""
    said = {"severity": "error", "message": message}
    event = json.dumps({"sequence": 1, "diagnosticEvent": said})
    with dead_program.noticed() as watched:
        ended = subprocess.run(
            [sys.executable, "-c", ENGINE, *watched, event, str(seconds)],
            stderr=subprocess.DEVNULL,
            check=False,
        )
        raise typer.Exit(ended.returncode)


def test_an_update_that_waits_for_a_killed_program_is_interrupted() -> None:
    """It would wait for objects that nobody registers any more."""
    with pytest.raises(WorkspaceError, match=r"was killed .* Run the same command again"):
        _update("an unhandled error occurred: program exited with non-zero exit code: -1\n", 60)


def test_an_update_that_ends_by_itself_says_why_too() -> None:
    """Pulumi itself reports an exit code only."""
    with pytest.raises(WorkspaceError, match="the Pulumi program was killed"):
        _update("an unhandled error occurred: program exited with non-zero exit code: -1\n", 0)


def test_a_program_that_failed_has_said_why() -> None:
    """The update ends, and nothing is added to what the program printed."""
    with pytest.raises(typer.Exit):
        _update("an unhandled error occurred: Program exited with non-zero exit code: 1\n", 60)


def test_an_objects_failure_interrupts_nothing() -> None:
    """Pulumi lets the other objects come to their end."""
    with pytest.raises(typer.Exit) as ended:
        _update("quota exceeded\n", 0.5)

    assert ended.value.exit_code == 1
