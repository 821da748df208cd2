"""The process of `make render`: its environment tells the program that it is rendered."""

import sys
from pathlib import Path

import pulumi

import console
from meshctl.render import files, program
from meshctl.workspace.stack import Workspace


def render() -> None:
    """Write the objects that a stack would apply: python -m meshctl.render STACK FOLDER."""
    stack, out = sys.argv[1], Path(sys.argv[2])
    with console.alive(f"rendering stack {stack}"):
        count = files.write(program.objects(Workspace(stack, "none")), out)
    console.done(f"rendered {stack}", f"{count} objects in {out}")


console.run(render, pulumi.RunError)
