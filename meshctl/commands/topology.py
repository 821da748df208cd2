"""`make topology`: the picture of a stack's mesh, printed or written to a file."""

import subprocess
import sys
import tempfile
from enum import StrEnum
from pathlib import Path

import console
from console import UserError
from mesh import fast_yaml
from mesh.kubernetes.client import connect
from mesh.project import PROJECT
from meshctl.commands import ci
from meshctl.manifests.manifest import Manifest
from meshctl.render import program
from meshctl.topology import cluster, mermaid, png, reader, svg
from meshctl.topology.objects import Objects
from meshctl.topology.picture import Picture
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import Workspace, WorkspaceError

KINDS = (".svg", ".png", ".mmd")
"""The endings of the files that can be written."""


class Source(StrEnum):
    """What the picture is drawn from."""

    CLUSTER = "cluster"
    PREVIEW = "preview"
    RENDER = "render"


def show(workspace: Workspace, source: Source, out: Path | None) -> None:
    """Draw the mesh; without a file the picture is printed as Mermaid.

    Raises pulumi.RunError or UserError when there is nothing to draw it from.
    """
    if out is not None and out.suffix not in KINDS:
        raise UserError(
            f"{out} has no ending that says what to draw: name a file that ends with "
            f"{', '.join(KINDS[:-1])} or {KINDS[-1]}, such as OUT=mesh.svg"
        )
    pictures = _pictures(workspace, source)
    if not any(each.has_parts for each in pictures):
        raise WorkspaceError(
            f"stack {workspace.stack} has no mesh to draw: run {workspace.make('up')} first"
        )
    if out is None:
        sys.stdout.write(mermaid.draw(*pictures))
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".mmd":
        out.write_text(mermaid.draw(*pictures))
    elif out.suffix == ".svg":
        out.write_text(svg.draw(*pictures))
    else:
        out.write_bytes(png.draw(svg.draw(*pictures, scheme="light"), svg.FONT))
    console.done("topology", str(out))


def _pictures(workspace: Workspace, source: Source) -> tuple[Picture, ...]:
    """Return the picture; of a preview those before and after it."""
    match source:
        case Source.CLUSTER:
            return (_of_cluster(workspace),)
        case Source.PREVIEW:
            return _of_preview(workspace)
        case Source.RENDER:
            return (_of_render(workspace),)


def _of_cluster(workspace: Workspace) -> Picture:
    settings = read_settings(workspace)
    with console.alive("reading the mesh"), connect(workspace.cluster) as client:
        objects = cluster.read(client, settings.istio_namespace)
    return reader.read(objects, settings.bookinfo_namespace)


def _of_preview(workspace: Workspace) -> tuple[Picture, ...]:
    with console.alive(f"preview of stack {workspace.stack}"):
        found, _ = ci.run_preview(workspace.stack, sandbox=workspace.sandbox_name)
    if found.pictures is None:
        said = "\n".join(found.errors) or "it lacks the objects that don't change"
        raise WorkspaceError(f"the preview of stack {workspace.stack} can't be drawn: {said}")
    return found.pictures


def _of_render(workspace: Workspace) -> Picture:
    """Return the picture of what the stack would create, and of the platform that it uses."""
    objects: list[Manifest] = []
    for each in program.stacks(workspace):
        with (
            console.alive(f"rendering stack {each.stack}"),
            tempfile.TemporaryDirectory() as folder,
        ):
            # A program that is rendered runs in a process of its own: meshctl/commands/app.py.
            command = [sys.executable, "-m", "meshctl", "render", folder, "--stack", each.stack]
            answer = subprocess.run(
                command, cwd=PROJECT, capture_output=True, text=True, check=False
            )
            if answer.returncode:
                raise WorkspaceError(answer.stderr.strip().rpartition("error: ")[2])
            files = sorted(Path(folder).rglob("*.yaml"))
            objects += [fast_yaml.load(file.read_text()) for file in files]
    return reader.read(Objects(every=tuple(objects)))
