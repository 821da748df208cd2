"""What a branch changes in the YAML of every stack: two renders, and the diff between them."""

import subprocess
import sys
import tempfile
from pathlib import Path

from mesh.release import PROJECT
from mesh.workspace import WorkspaceError
from sandbox import console

PATCH = "diff.patch"


def write(base: str, out: Path) -> str:
    """Render HEAD's stacks as they are and as they were where HEAD left another branch.

    Each commit is rendered by its own program. Returns the diff, which is in `out` with both
    renders, too.
    """
    out = out.resolve()
    commit = _git("merge-base", base, "HEAD").strip()
    with tempfile.TemporaryDirectory(prefix="render-diff-") as folder:
        earlier = Path(folder, "before")
        _git("worktree", "add", "--quiet", "--detach", str(earlier), commit)
        try:
            (PROJECT / "releases").mkdir(exist_ok=True)
            (earlier / "releases").symlink_to(PROJECT / "releases")
            _render_all(earlier, out / "before")
        finally:
            _git("worktree", "remove", "--force", str(earlier))
    _render_all(PROJECT, out / "after")
    compare = ["git", "diff", "--no-index", "--no-color", "before", "after"]
    found = subprocess.run(compare, cwd=out, capture_output=True, text=True, check=False).stdout
    (out / PATCH).write_text(found)
    return found


def _render_all(project: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for file in sorted(project.glob("Pulumi.*.yaml")):
        stack = file.name.split(".")[1]
        render = [sys.executable, "-m", "mesh", "render", str(out / stack), "--stack", stack]
        with console.alive(f"rendering stack {stack}"):
            answer = subprocess.run(
                render, cwd=project, capture_output=True, text=True, check=False
            )
        if answer.returncode:
            raise WorkspaceError(f"{out.name}: stack {stack}: {answer.stderr.strip()}")
        console.done(f"rendered {stack}", out.name)


def _git(*arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise WorkspaceError(f"git {' '.join(arguments)}: {answer.stderr.strip()}")
    return answer.stdout
