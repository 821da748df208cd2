"""The stacks that a change of the repository affects."""

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
"""Files that no stack with its own cluster reads; every other file may affect all of them."""


def all_stacks() -> list[str]:
    """List the stacks that have their own cluster; the others run on a developer's sandbox."""
    return [name for name in workspace.stacks(PROJECT) if Workspace(name, "default").context]


def touched(changed: Iterable[str], stacks: Iterable[str]) -> list[str]:
    """Return the stacks that files affect: a config file its own stack, the program all."""
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
    """List the files that changed since HEAD branched off another branch."""
    command = ["git", "diff", "--name-only", "--no-renames", "-z", f"{base}...HEAD", "--"]
    answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise WorkspaceError(
            f"git can't list what changed since {base}: {answer.stderr.strip()}; fetch the whole "
            "history (actions/checkout: fetch-depth: 0), or name another commit"
        )
    return [file for file in answer.stdout.split("\0") if file]
