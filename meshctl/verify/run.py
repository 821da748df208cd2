"""A run of all checks: the cluster, a snapshot of it, and a report of what the checks find."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pulumi

import console
from mesh import redaction
from mesh.kubernetes import kubeconfig
from mesh.kubernetes.client import connect, kubernetes_version, plain
from mesh.kubernetes.cluster import Cluster
from mesh.settings.schema import Settings
from meshctl.verify import analysis, checks, objects
from meshctl.verify.checks import Check
from meshctl.verify.objects import KINDS
from meshctl.verify.reader import Reader
from meshctl.verify.report import Report, lacking
from meshctl.verify.snapshot import Finding, Snapshot
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import Workspace


@dataclass(frozen=True, kw_only=True)
class Target:
    """The cluster to check, and the settings of its stack; None for a mesh without a stack."""

    cluster: Cluster
    settings: Settings | None


def of_stack(workspace: Workspace) -> Target:
    """Return the cluster of a stack. Raises pulumi.RunError or WorkspaceError."""
    return Target(settings=read_settings(workspace), cluster=workspace.cluster)


def of_context(context: str, file: Path | None) -> Target:
    """Return the cluster of a context, whoever installed its Istio. Raises pulumi.RunError."""
    cluster = Cluster(context=context, kubeconfig=file.absolute() if file else None)
    known = kubeconfig.read(cluster.files).contexts
    if context not in known:
        raise pulumi.RunError(
            f"no context {context!r} in {', '.join(map(str, cluster.files))}, which has "
            f"{', '.join(sorted(known)) or 'none'}; name one with --context, or another file with "
            "--kubeconfig"
        )
    return Target(cluster=cluster, settings=None)


def look(target: Target) -> Report:
    """Run all checks.

    Nothing is changed: webhooks are tested by dry runs, which the API server doesn't store.
    Raises pulumi.RunError or WorkspaceError when the cluster can't be read.
    """
    cluster = target.cluster
    with (
        console.alive("checking the mesh"),
        connect(cluster) as client,
        plain(cluster) as http,
        analysis.running(cluster, http) as istioctl,
    ):
        reader = Reader(client=http)
        snapshot = objects.read(reader, kubernetes_version(cluster), target.settings)
        findings = list(_run(snapshot, checks.of(client, target.settings), reader))
        analyzed = analysis.result(istioctl)
    return Report(
        cluster=f"{cluster}: {cluster.server}",
        findings=tuple(
            dataclasses.replace(each, found=redaction.text(each.found))
            for each in (*findings, *analysis.relevant(analyzed.findings, snapshot))
        ),
        left_out=analyzed.left_out,
    )


def _run(snapshot: Snapshot, planned: Iterable[Check], reader: Reader) -> Iterator[Finding]:
    """Run what the snapshot allows, then name each right that is lacking for the rest."""
    skipped: dict[str, list[str]] = {}
    for check in planned:
        if unread := snapshot.unread.intersection(check.needs):
            for name in unread:
                skipped.setdefault(name, []).append(check.name)
        else:
            yield from check.run(snapshot)
    fields = {kind: name for name, kinds in KINDS.items() for kind in kinds}
    for right in sorted(reader.lacking, key=str):
        names = skipped[fields[right.kind]] if right.verb == "list" else [right.needed_by]
        yield lacking(right, ", ".join(dict.fromkeys(names)))
