"""What a workflow runs: previews of the touched stacks, their comment, and the exit code."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from meshctl.commands import ci
from meshctl.pull_request import touched_stacks
from tests.fakes.previews import digest, obj, step


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Have stacks a and b, of which b's preview fails; return the commands that were run."""
    run: list[list[str]] = []

    def answer(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        run.append(command)
        stack = command[command.index("--stack") + 1]
        if stack == "b":
            return subprocess.CompletedProcess(command, 1, "error: no context 'eu-1'")
        change = digest(step("delete", obj("Namespace", "bookinfo")))
        return subprocess.CompletedProcess(command, 0, f"✓ helm\n{change}")

    monkeypatch.setattr(subprocess, "run", answer)
    monkeypatch.setattr(touched_stacks, "all_stacks", lambda: ["a", "b"])
    return run


def test_each_stack_is_previewed_in_one_comment(commands: list[list[str]], tmp_path: Path) -> None:
    """Pulumi's own arguments are passed on; a failed preview fails the job, not the comment."""
    arguments = ["preview", "--out", str(tmp_path / "o"), "--", "--policy-pack", "policy"]

    result = CliRunner().invoke(ci.app, arguments)

    assert result.exit_code == 1
    assert [command[-3:] for command in commands] == [["--json", "--policy-pack", "policy"]] * 2
    for name in ("comment.md", "full.md"):
        text = (tmp_path / "o" / name).read_text()
        assert "Namespace bookinfo" in text
        assert "no context 'eu-1'" in text
        assert "stack `b`" in text


def test_nothing_touched_is_nothing_to_preview(
    commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The comment says so, also where an earlier push had touched something."""
    monkeypatch.setattr(touched_stacks, "since", lambda _: ["README.md"])

    result = CliRunner().invoke(ci.app, ["preview", "--since", "main", "--out", str(tmp_path)])

    assert result.exit_code == 0
    assert not commands
    assert "No stack that has its own cluster is affected" in (tmp_path / "comment.md").read_text()


@pytest.mark.usefixtures("commands")
def test_stacks_are_listed_for_a_matrix() -> None:
    """As JSON."""
    assert json.loads(CliRunner().invoke(ci.app, ["stacks"]).stdout) == ["a", "b"]


def test_a_preview_from_elsewhere_is_read(tmp_path: Path) -> None:
    """From a file; what the comment says of the rest is the caller's."""
    file = tmp_path / "prod.json"
    file.write_text(digest(*(step("create", None, obj("Secret", "s" * 200)) for _ in range(1))))

    result = CliRunner().invoke(ci.app, ["comment", str(file), "--out", str(tmp_path)])

    assert result.exit_code == 0
    assert "**1 to create**" in (tmp_path / "comment.md").read_text()


def test_no_token_is_no_comment_and_no_failure(tmp_path: Path) -> None:
    """A project at GitLab that set none up finds the text in the job's artifacts."""
    arguments = ["post-gitlab", "c.md", "--merge-request", "7", "--project", "5"]

    result = CliRunner().invoke(ci.app, arguments, env={"MR_TOKEN": None})

    assert result.exit_code == 0
    assert "MR_TOKEN isn't set: no comment is posted, and its text is in c.md" in result.output
