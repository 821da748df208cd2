"""Which stacks a change of the repository touches."""

import fnmatch
import subprocess
from collections.abc import Iterable

from mesh.project import PROJECT
from meshctl.workspace import stack as workspace
from meshctl.workspace.stack import Workspace, WorkspaceError

UNREAD = (
    *("*.md", ".ci/*", ".git*", "bench/*", "docs/*", "examples/*", "requirements-dev.*"),
    *("sandbox/*", "scripts/*", "tests/*", "traffic/*"),
)
"""What no stack with a cluster of its own reads; whatever isn't named here may touch every one."""


def all_stacks() -> list[str]:
    """Name the stacks with a cluster of their own: others live on a developer's sandbox."""
    return [name for name in workspace.stacks(PROJECT) if Workspace(name, "default").context]


def touched(changed: Iterable[str], stacks: Iterable[str]) -> list[str]:
    """Pick the stacks that changed files touch: their own config one, the program all of them."""
    stacks = list(stacks)
    found: set[str] = set()
    for file in changed:
        own = {stack for stack in stacks if file == f"Pulumi.{stack}.yaml"}
        if fnmatch.fnmatch(file, "Pulumi.*.yaml"):
            found |= own
        elif not any(fnmatch.fnmatch(file, pattern) for pattern in UNREAD):
            found |= set(stacks)
    return [stack for stack in stacks if stack in found]


def since(base: str) -> list[str]:
    """List the files that were changed since HEAD left another branch."""
    command = ["git", "diff", "--name-only", "--no-renames", "-z", f"{base}...HEAD", "--"]
    answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise WorkspaceError(
            f"git can't tell what changed since {base}: {answer.stderr.strip()}; fetch the whole "
            "history (actions/checkout: fetch-depth: 0), or name another commit"
        )
    return [file for file in answer.stdout.split("\0") if file]
