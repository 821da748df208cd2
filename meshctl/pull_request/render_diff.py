"""The diff that a branch makes in the YAML of every stack, from two renders."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import console
from mesh.project import PROJECT
from meshctl.render import program
from meshctl.workspace import stack as workspace
from meshctl.workspace.stack import Workspace, WorkspaceError

PATCH = "diff.patch"


def write(base: str, out: Path) -> str:
    """Render all stacks at HEAD and at its merge base with another branch; return the diff.

    Each commit is rendered by its own program. The diff is also written to `out`, with both
    renders; comments at its top name the stacks that it lacks. Raises WorkspaceError at the end
    when a stack at HEAD has a mistake.
    """
    out = out.resolve()
    commit = _git("merge-base", base, "HEAD").strip()
    with _checkout(commit) as earlier:
        comparable = _can_render(earlier)
        unknown = _render_all(earlier, out / "before") if comparable else {}
    missing = _render_all(PROJECT, out / "after")
    for stack in missing:
        # Otherwise the diff would show as deleted what couldn't be rendered.
        shutil.rmtree(out / "before" / stack, ignore_errors=True)
    notes = [f"stack {stack} is left out: {why}" for stack, why in missing.items()]
    notes += [
        f"stack {stack} is shown as new, because {commit[:12]} can't render it: {why}"
        for stack, why in unknown.items()
        if stack not in missing
    ]
    if not comparable:
        notes.append(f"nothing to compare with: {commit[:12]} has no command `render`")
    found = "".join(f"# {line}\n" for note in notes for line in note.splitlines())
    if comparable:
        found += _difference(out)
    (out / PATCH).write_text(found)
    for note in notes:
        console.say(note)
    if wrong := [stack for stack in missing if not _stands_elsewhere(stack)]:
        raise WorkspaceError(f"not rendered, for the reasons above: {', '.join(wrong)}")
    return found


@contextlib.contextmanager
def _checkout(commit: str) -> Generator[Path]:
    """Check a commit out in a temporary folder, with the same releases and neighbouring folders."""
    with tempfile.TemporaryDirectory(prefix="render-diff-") as folder:
        earlier = Path(folder, PROJECT.name)
        # A stack may name a release in a folder next to the checkout.
        for neighbour in PROJECT.parent.iterdir():
            if neighbour != PROJECT:
                Path(folder, neighbour.name).symlink_to(neighbour)
        _git("worktree", "add", "--quiet", "--detach", str(earlier), commit)
        try:
            (PROJECT / "releases").mkdir(exist_ok=True)
            (earlier / "releases").symlink_to(PROJECT / "releases")
            yield earlier
        finally:
            _git("worktree", "remove", "--force", str(earlier))


def _can_render(project: Path) -> bool:
    """Return whether a checkout's program has the command `render`."""
    return not _mesh(project, "render", "--help").returncode


def _render_all(project: Path, out: Path) -> dict[str, str]:
    """Render all stacks of a checkout; return the error of each that can't be rendered."""
    out.mkdir(parents=True, exist_ok=True)
    failed = {}
    for stack in workspace.stacks(project):
        with console.alive(f"rendering stack {stack}"):
            answer = _mesh(project, "render", str(out / stack), "--stack", stack)
        if answer.returncode:
            said = answer.stderr.strip()
            failed[stack] = said[max(said.find("error: "), 0) :]
        else:
            console.done(f"rendered {stack}", out.name)
    return failed


def _stands_elsewhere(stack: str) -> bool:
    """Return whether a stack only lacks its platform's file or its release in this checkout."""
    try:
        needed = program.stacks(Workspace(stack, "none"))
    except program.RenderError:
        return True
    folders = [folder for each in needed for _, folder in each.releases if folder]
    return not all((PROJECT / Path(folder).expanduser()).is_dir() for folder in folders)


def _difference(out: Path) -> str:
    compare = ["git", "diff", "--no-index", "--no-color", "before", "after"]
    return subprocess.run(compare, cwd=out, capture_output=True, text=True, check=False).stdout


def _mesh(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Older commits have the commands in mesh/.
    package = "meshctl" if (project / "meshctl").is_dir() else "mesh"
    command = [sys.executable, "-m", package, *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def _git(*arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise WorkspaceError(f"git {' '.join(arguments)}: {answer.stderr.strip()}")
    return answer.stdout
