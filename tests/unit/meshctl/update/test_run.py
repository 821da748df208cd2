"""A run shows the update or Pulumi's own output, keeps both, and ends as Pulumi does."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest
import typer

from meshctl.update import run
from meshctl.workspace.stack import Workspace, WorkspaceError

from .streams import CRD, DETAILS, DONE, FAILED, STACK, STARTED, ended, step

Run = Callable[..., list[tuple[str, ...]]]
CREATED = (step(STARTED, STACK), step(STARTED, CRD), step(DONE, CRD), ended(same=1, create=2))
BROKEN = (step(STARTED, CRD), step(DONE, CRD), step(STARTED, DETAILS), step(FAILED, DETAILS))


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `up` with a Pulumi that tells some events and prints a line; return what it was told."""
    told: list[tuple[str, ...]] = []

    def up(
        *arguments: str, events: tuple[str, ...] = (), code: int = 0, verbose: bool = False
    ) -> list[tuple[str, ...]]:
        def pulumi(_: Workspace, *words: str, output: TextIO | None = None) -> int:
            told.append(words)
            if events:
                Path(words[2]).write_text("".join(f"{line}\n" for line in events))
            if output:
                output.write("what Pulumi prints\n")
                output.flush()
            return code

        monkeypatch.setattr(Workspace, "pulumi", pulumi)
        run.change(Workspace("dev", "default"), "up", *arguments, verbose=verbose, resources=[])
        return told

    monkeypatch.setattr(Workspace, "config", {})
    monkeypatch.setattr(Workspace, "records", tmp_path / "updates")
    return up


def test_an_update_ends_with_pulumis_summary(
    up: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In the form that people know; Pulumi's own output and the record are in files."""
    up("--yes", events=CREATED)

    out, err = capsys.readouterr()
    assert "Resources:\n    + 2 created\n    1 unchanged\n\nDuration: " in err
    assert "what Pulumi prints" not in out + err
    assert {file.name for file in (tmp_path / "updates").iterdir()} == {"up.log", "create.json"}
    assert (tmp_path / "updates" / "up.log").read_text() == "what Pulumi prints\n"


@pytest.mark.parametrize(("arguments", "verbose"), [((), True), (("--diff",), False)])
def test_pulumis_own_output_is_shown_to_who_asks_for_it(
    up: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], *, verbose: bool
) -> None:
    """By V=1, or by one of Pulumi's options; there are no phases then."""
    up(*arguments, events=CREATED, verbose=verbose)

    out, err = capsys.readouterr()
    assert out == "what Pulumi prints\n"
    assert "Resources:" not in err


def test_pulumis_output_is_shown_as_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half a letter waits for its other half."""
    log, frame = tmp_path / "up.log", "├─".encode()
    log.write_bytes(frame[:1])
    display = run.PulumisOutput(log)

    display.look()
    log.write_bytes(frame)
    display.end()

    assert capsys.readouterr().out == "├─"


def test_a_failure_ends_the_command_with_pulumis_exit_code(
    up: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """After what failed, why, and what to do; no estimate is made from it."""
    with pytest.raises(typer.Exit) as failed:
        up(events=BROKEN, code=255)

    assert failed.value.exit_code == 255
    assert "failed  Deployment bookinfo-details-v1 (Bookinfo)" in capsys.readouterr().err
    assert (tmp_path / "updates" / "failed.json").exists()


def test_a_log_that_cannot_be_written_is_told_before_anything_changes(
    up: Run, tmp_path: Path
) -> None:
    """With the variable that sets another folder."""
    (tmp_path / "updates").touch()  # no folder

    with pytest.raises(WorkspaceError, match=r"up\.log can't be written: .* set MESH_STATE"):
        up("--yes", events=CREATED)


def test_a_full_disk_hides_no_failure(
    up: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the record is lost."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("meshctl.update.record.write", full)
    with pytest.raises(typer.Exit):
        up(events=BROKEN, code=255)

    said = capsys.readouterr().err
    assert "no record of the update is kept: [Errno 28] No space left on device" in said
    assert "failed  Deployment bookinfo-details-v1 (Bookinfo)" in said


@pytest.mark.parametrize(
    ("arguments", "is_asked"),
    [
        ((), True),
        (("--skip-preview=false", "--policy-pack=policy"), True),
        (("--yes=false",), True),
        (("--yes",), False),
        (("--skip-preview=false", "--yes"), False),
    ],
)
def test_pulumi_asks_on_the_terminal_unless_the_answer_is_given(
    up: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: tuple[str, ...],
    *,
    is_asked: bool,
) -> None:
    """Rules of one's own cluster bring a preview, and the question after it."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    up(*arguments, events=CREATED)

    assert (tmp_path / "updates" / "up.log").exists() is not is_asked


@pytest.mark.parametrize("given", [("--event-log", "x"), ("--event-log=x",)])
def test_a_persons_own_event_log_is_theirs(up: Run, given: tuple[str, ...]) -> None:
    """Pulumi writes one file: without it, nothing is watched."""
    assert up(*given) == [("up", *given)]


@pytest.mark.parametrize(
    ("arguments", "is_previewed"),
    [
        ((), True),
        (("--skip-preview",), False),
        (("-f",), False),
        (("--skip-preview", "--skip-preview=false"), True),
    ],
)
def test_the_last_option_decides_whether_there_is_a_preview(
    arguments: tuple[str, ...], *, is_previewed: bool
) -> None:
    """Rules are checked with one, also where none is usual."""
    assert run._is_previewed(arguments) is is_previewed
