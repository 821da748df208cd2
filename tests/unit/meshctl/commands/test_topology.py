"""What `make topology` writes, and what it says when there is nothing to draw."""

from pathlib import Path
from typing import Any

import pytest

from console import UserError
from meshctl.commands import topology
from meshctl.commands.topology import Source
from meshctl.pull_request import changes
from meshctl.topology import reader
from meshctl.topology.objects import Objects
from meshctl.topology.picture import Picture
from meshctl.workspace.stack import Workspace, WorkspaceError
from tests.fakes.bookinfo import mesh
from tests.fakes.previews import digest

WORKSPACE = Workspace("dev", "default")
BOOKINFO = reader.read(Objects(every=tuple(mesh()), is_live=True))


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    """Draw Bookinfo, or what the test puts into its place."""
    found = [BOOKINFO]
    monkeypatch.setattr(topology, "_of_cluster", lambda _: found[0])
    return found


@pytest.mark.parametrize(
    ("name", "begins"), [("a.svg", b"<svg "), ("b.png", b"\x89PNG"), ("c.mmd", b"flowchart TB\n")]
)
def test_the_files_ending_says_what_is_written(name: str, begins: bytes, tmp_path: Path) -> None:
    """In a folder that may not be there yet."""
    out = tmp_path / "new" / name

    topology.show(WORKSPACE, Source.CLUSTER, out)

    assert out.read_bytes().startswith(begins)


def test_without_a_file_mermaid_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else on standard output: it may go into a file."""
    topology.show(WORKSPACE, Source.CLUSTER, None)

    assert capsys.readouterr().out.startswith("flowchart TB\n")


def test_another_ending_is_refused(tmp_path: Path) -> None:
    """Before anything is read."""
    with pytest.raises(UserError, match=r"mesh\.gif .* \.svg, \.png or \.mmd, such as OUT="):
        topology.show(WORKSPACE, Source.CLUSTER, tmp_path / "mesh.gif")


def test_nothing_to_draw_is_one_message(drawn: list[Picture], tmp_path: Path) -> None:
    """With the command that brings something."""
    drawn[0] = Picture(namespace="")

    with pytest.raises(WorkspaceError, match="stack dev has no mesh to draw: run `make up` first"):
        topology.show(WORKSPACE, Source.CLUSTER, tmp_path / "mesh.svg")


def test_a_preview_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the preview's own words."""
    said = digest(diagnostics=[{"severity": "error", "message": "no context 'eu-1'"}])

    def preview(stack: str, **_: Any) -> tuple[changes.Preview, bool]:
        return changes.read(said, stack), False

    monkeypatch.setattr(topology.ci, "run_preview", preview)
    with pytest.raises(WorkspaceError, match="stack dev can't be drawn: no context 'eu-1'"):
        topology.show(WORKSPACE, Source.PREVIEW, None)
