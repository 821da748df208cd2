"""The diff of two commits' renders: each by its own program, for every stack."""

import re
import subprocess
from pathlib import Path

import pytest

from meshctl.pull_request import render_diff
from meshctl.workspace import stack as workspace
from meshctl.workspace.stack import WorkspaceError

PROGRAM = """
import pathlib, sys
if "--help" in sys.argv:
    sys.exit()
_, command, out, _, stack = sys.argv
if stack == "left" and "VERSION" == "1.30.3":
    sys.exit("error: old")
if stack == "app":
    sys.exit("error: platform\\nelsewhere")
if stack == "istio-1.0.5":
    sys.exit("error: no such folder")
if stack == "dev" and not pathlib.Path("../neighbour").is_dir():
    sys.exit("error: no neighbour")
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
    (tmp_path / "neighbour").mkdir()
    (project / "mesh").mkdir(parents=True)
    (project / ".gitignore").write_text("releases\n__pycache__/\n")  # as the project has
    monkeypatch.setattr(render_diff, "PROJECT", project)
    monkeypatch.setattr(workspace, "PROJECT", project)
    (project / "Pulumi.yaml").write_text(
        "{name: mesh, config: {mode: {default: standalone}, platformStack: {default: ''}, "
        "istioVersion: {default: 1.30.3}, releaseDir: {default: ''}, canary: {default: ''}}}"
    )
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
    """Changed, added and removed; not what main did meanwhile; and the checkout stays as it is.

    A release that both name beside the checkout is beside either.
    """
    found = render_diff.write("main", tmp_path / "out")

    assert "-version: 1.30.3\n+version: 1.30.4\n stack: dev\n" in found
    assert "+++ /dev/null\n@@ -1,2 +0,0 @@\n-version: 1.30.3\n-stack: gone\n" in found
    assert "--- /dev/null\n+++ b/after/new/service.yaml\n" in found
    assert "1.31.0" not in found
    assert (tmp_path / "out" / "diff.patch").read_text() == found
    assert git(project, "status", "--porcelain") == ""
    assert len(git(project, "worktree", "list").splitlines()) == 1


def test_a_stack_with_a_mistake_fails_after_all_others(project: Path, tmp_path: Path) -> None:
    """With its own message, and no sign of a deletion; the worktree is removed all the same."""
    out = tmp_path / "out"
    (project / "Pulumi.dev.yaml").rename(project / "Pulumi.broken.yaml")
    (out / "before" / "broken").mkdir(parents=True)
    (out / "before" / "broken" / "service.yaml").write_text("version: 1.30.3\n")

    with pytest.raises(WorkspaceError, match="not rendered, for the reasons above: broken"):
        render_diff.write("main", out)

    found = (out / "diff.patch").read_text()
    assert found.startswith("# stack broken is left out: error: mtls\ndiff --git ")
    assert "broken/" not in found
    assert "after/new/service.yaml" in found
    assert len(git(project, "worktree", "list").splitlines()) == 1


def test_an_app_of_a_platform_elsewhere_is_left_out(project: Path, tmp_path: Path) -> None:
    """Nothing is wrong with it: the others are compared, and the job succeeds."""
    app = "config: {mesh:mode: app, mesh:platformStack: team/other/platform}"
    (project / "Pulumi.app.yaml").write_text(app)

    found = render_diff.write("main", tmp_path / "out")

    assert found.startswith("# stack app is left out: error: platform\n# elsewhere\ndiff --git ")
    assert "+version: 1.30.4\n stack: dev\n" in found


def test_a_stack_whose_release_is_elsewhere_is_left_out(project: Path, tmp_path: Path) -> None:
    """By its whole name, which may have dots; a release that is there excuses no mistake."""
    file = project / "Pulumi.istio-1.0.5.yaml"
    file.write_text("config: {mesh:releaseDir: ../elsewhere}")

    found = render_diff.write("main", tmp_path / "out")
    assert found.startswith("# stack istio-1.0.5 is left out: error: no such folder\ndiff --git ")

    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(WorkspaceError, match=r"not rendered, .*: istio-1\.0\.5"):
        render_diff.write("main", tmp_path / "again")


def test_a_mistake_of_the_base_is_no_fault_of_the_branch(project: Path, tmp_path: Path) -> None:
    """A branch may be there to mend it: the stack shows as new, and the diff says why."""
    git(project, "switch", "--quiet", "--detach", "main~1")
    commit(project, "1.30.3", "left")
    git(project, "switch", "--quiet", "--create", "mended")
    commit(project, "1.30.4", "left")
    git(project, "branch", "--force", "main", "mended~1")

    found = render_diff.write("main", tmp_path / "out")

    assert re.match(
        "# stack left is shown as new, because [0-9a-f]{12} can't render it: error: old", found
    )
    assert "+version: 1.30.4\n+stack: left\n" in found


def test_a_base_without_the_command_is_nothing_to_compare_with(
    project: Path, tmp_path: Path
) -> None:
    """The pull request that brings it succeeds, and has its own render."""
    git(project, "switch", "--quiet", "main")
    (project / "mesh" / "__main__.py").write_text("raise SystemExit(2)")
    git(project, "commit", "--quiet", "--all", "--message", "no render")
    git(project, "switch", "--quiet", "--create", "first")
    commit(project, "1.30.4", "dev")

    found = render_diff.write("main", tmp_path / "out")

    assert re.fullmatch("# nothing to compare with: [0-9a-f]{12} has no command `render`\n", found)
    assert (tmp_path / "out" / "after" / "dev" / "service.yaml").exists()
