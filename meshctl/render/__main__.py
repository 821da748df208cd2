"""Renders a stack in a process whose environment says so; `make render` starts it."""

import sys
from pathlib import Path

import pulumi

import console
from meshctl.render import files, program
from meshctl.workspace.stack import Workspace


def render() -> None:
    """Write what a stack would apply: python -m meshctl.render STACK FOLDER."""
    stack, out = sys.argv[1], Path(sys.argv[2])
    with console.alive(f"rendering stack {stack}"):
        count = files.write(program.objects(Workspace(stack, "none")), out)
    console.done(f"rendered {stack}", f"{count} objects in {out}")


console.run(render, pulumi.RunError)
