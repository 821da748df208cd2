"""The report of a stack: what is read for it, and the file."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import console
from mesh.kubernetes.client import connect, kubernetes_version
from meshctl.report import page, sentences
from meshctl.timeline import show as timeline
from meshctl.topology import cluster, reader, svg
from meshctl.update import record
from meshctl.update.record import Record
from meshctl.verify import run
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import Workspace
from sandbox.kubernetes_plugin import SDK_VERSION


def write(workspace: Workspace, file: Path) -> None:
    """Write the page about a stack's running mesh; the cluster isn't changed.

    Raises pulumi.RunError or WorkspaceError when the cluster can't be read.
    """
    settings = read_settings(workspace)
    checked = run.look(run.of_stack(workspace))
    with console.alive("reading the mesh"), connect(workspace.cluster) as client:
        objects = cluster.read(client, settings.istio_namespace)
        kubernetes = kubernetes_version(workspace.cluster)
    picture = reader.read(objects, settings.bookinfo_namespace)
    kept = record.all_of(workspace.records)
    report = page.Report(
        stack=workspace.stack,
        context=workspace.cluster.context,
        made_at=datetime.now(UTC),
        versions={
            "Kubernetes": kubernetes,
            "Pulumi's Python SDK": SDK_VERSION,
            "Pulumi's Kubernetes plugin": workspace.plugin.version,
        },
        control_planes=picture.control_planes,
        topology=svg.draw(picture),
        timeline=_drawing(workspace, kept[0]) if kept else "",
        findings=checked.findings,
        left_out=checked.left_out,
        routes=list(sentences.of_routes(picture)),
        policies=list(sentences.of_policies(objects)),
        changes=[page.change(each) for each in kept],
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page.render(report))
    console.done("report", f"{file}, {file.stat().st_size / 1000:.0f} kB")


def _drawing(workspace: Workspace, kept: Record) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "timeline.svg")
        return file.read_text() if timeline.draw(workspace, kept, file) else ""
