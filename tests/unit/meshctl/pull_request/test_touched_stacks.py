"""Which stacks a pull request touches: by its files, and by what git says of them."""

import subprocess
from pathlib import Path

import pytest

from meshctl.pull_request import touched_stacks
from meshctl.workspace.stack import WorkspaceError

STACKS = ["platform", "prod"]


@pytest.mark.parametrize(
    ("changed", "stacks"),
    [
        (["Pulumi.prod.yaml"], ["prod"]),
        (["Pulumi.prod.yaml", "Pulumi.platform.yaml"], STACKS),
        (["Pulumi.dev.yaml"], []),
        (["Pulumi.yaml"], STACKS),
        (["mesh/settings/schema.py", "README.md"], STACKS),
        (["requirements.txt"], STACKS),
        (["policy/__main__.py"], STACKS),
        (["a-new-folder/file"], STACKS),
        (["README.md", "docs/pull-requests.md", "docs/gitlab-ci.yml"], []),
        (["tests/unit/engine.py", "sandbox/cluster.py", "examples/Pulumi.app.yaml"], []),
        ([".github/workflows/merge.yml", ".gitignore", "requirements-dev.txt"], []),
        ([], []),
    ],
)
def test_a_change_touches_what_reads_it(changed: list[str], stacks: list[str]) -> None:
    """A stack's own file that stack, the program all; what is unknown counts as the program."""
    assert touched_stacks.touched(changed, STACKS) == stacks


def test_sandbox_stacks_are_not_previewed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They live on a developer's machine; only a stack with a context has a cluster to ask."""
    (tmp_path / "Pulumi.prod.yaml").write_text("config: {mesh:context: eu-1}")
    (tmp_path / "Pulumi.old-1.0.5.yaml").write_text("config: {mesh:context: eu-1}")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}")
    (tmp_path / "Pulumi.yaml").write_text("{name: mesh, config: {context: {default: ''}}}")
    monkeypatch.setattr("meshctl.pull_request.touched_stacks.PROJECT", tmp_path)
    monkeypatch.setattr("meshctl.workspace.stack.PROJECT", tmp_path)

    assert touched_stacks.all_stacks() == ["old-1.0.5", "prod"]


def test_the_branchs_own_changes_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not what went into main meanwhile; and a file that was moved counts on both sides."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, timeout=30)

    def commit(name: str) -> None:
        (tmp_path / name).write_text("content\n" * 9)
        git("add", "--all")
        git("commit", "--quiet", "--message", name)

    monkeypatch.setattr("meshctl.pull_request.touched_stacks.PROJECT", tmp_path)
    git("init", "--quiet", "--initial-branch", "main")
    commit("old.py")
    git("switch", "--quiet", "--create", "branch")
    (tmp_path / "old.py").unlink()
    commit("ümlaut.py")
    git("switch", "--quiet", "main")
    commit("others.py")
    git("switch", "--quiet", "branch")

    assert touched_stacks.since("main") == ["old.py", "ümlaut.py"]
    with pytest.raises(WorkspaceError, match="fetch-depth: 0"):
        touched_stacks.since("no-such-branch")
