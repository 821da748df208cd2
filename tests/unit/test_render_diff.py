"""The diff of two commits' renders: each by its own program, for every stack."""

import subprocess
from pathlib import Path

import pytest

from mesh import render_diff
from mesh.workspace import WorkspaceError

PROGRAM = """
import pathlib, sys
_, command, out, _, stack = sys.argv
if stack == "broken":
    sys.exit("error: mtls")
assert command == "render" and pathlib.Path("releases").is_dir()
folder = pathlib.Path(out)
folder.mkdir()
(folder / "service.yaml").write_text(f"version: VERSION\\nstack: {stack}\\n")
"""


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make a branch with another program than main had, and let main go on."""
    project = tmp_path / "project"
    (project / "mesh").mkdir(parents=True)
    (project / ".gitignore").write_text("releases\n")
    monkeypatch.setattr(render_diff, "PROJECT", project)
    git(project, "init", "--quiet", "--initial-branch", "main")
    commit(project, "1.30.3", "dev", "gone")
    git(project, "switch", "--quiet", "--create", "branch")
    (project / "Pulumi.gone.yaml").unlink()
    commit(project, "1.30.4", "dev", "new")
    git(project, "switch", "--quiet", "main")
    commit(project, "1.31.0", "others")
    git(project, "switch", "--quiet", "branch")
    return project


def git(project: Path, *arguments: str) -> str:
    """Run git as nobody in particular."""
    identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, *arguments]
    answer = subprocess.run(
        command, cwd=project, check=True, timeout=30, text=True, capture_output=True
    )
    return answer.stdout


def commit(project: Path, version: str, *stacks: str) -> None:
    """Commit a program that renders a version, and files of stacks."""
    (project / "mesh" / "__main__.py").write_text(PROGRAM.replace("VERSION", version))
    for stack in stacks:
        (project / f"Pulumi.{stack}.yaml").touch()
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", version)


def test_what_a_branch_changes_in_every_stack(project: Path, tmp_path: Path) -> None:
    """Changed, added and removed; not what main did meanwhile; and the checkout stays as it is."""
    found = render_diff.write("main", tmp_path / "out")

    assert "-version: 1.30.3\n+version: 1.30.4\n stack: dev\n" in found
    assert "+++ /dev/null\n@@ -1,2 +0,0 @@\n-version: 1.30.3\n-stack: gone\n" in found
    assert "--- /dev/null\n+++ b/after/new/service.yaml\n" in found
    assert "1.31.0" not in found
    assert (tmp_path / "out" / "diff.patch").read_text() == found
    assert git(project, "status", "--porcelain") == ""
    assert len(git(project, "worktree", "list").splitlines()) == 1


def test_a_stack_that_cannot_be_rendered_is_named(project: Path, tmp_path: Path) -> None:
    """With its own message; the worktree is removed all the same."""
    (project / "Pulumi.broken.yaml").touch()

    with pytest.raises(WorkspaceError, match="after: stack broken: error: mtls"):
        render_diff.write("main", tmp_path / "out")
