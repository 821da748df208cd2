"""The run of `make verify`: a snapshot of the cluster, all checks, and their findings."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from typing import Any

from lightkube import Client
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod, Service
from rich.table import Table
from rich.text import Text

import console
from mesh import redaction
from mesh.istio import running_mesh
from mesh.istio.certificates import published
from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes.client import connect, kubernetes_version
from mesh.settings.schema import Settings
from meshctl.verify import (
    bookinfo,
    certificates,
    control_plane,
    gateways,
    https,
    injectors,
    mesh_namespaces,
    pods,
    remote_clusters,
    waypoints,
    webhooks,
)
from meshctl.verify.snapshot import Finding, Snapshot
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import Workspace

MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "wrong": "[bold red]✗[/]"}
ISTIO = ("sidecar-injector", "istiod", "istio-sidecar-injector", "galley")
"""Values of the label `app` of Istio's webhook configurations; the last two before 1.5."""


def verify(workspace: Workspace, *, as_json: bool = False) -> bool:
    """Run all checks, print their findings, and return whether nothing is wrong.

    Nothing is changed: webhooks are tested by dry runs, which the API server doesn't store.
    Raises pulumi.RunError or WorkspaceError when the cluster can't be read.
    """
    settings = read_settings(workspace)
    with console.alive("checking the mesh"), connect(workspace.cluster) as client:
        findings = [
            dataclasses.replace(each, found=redaction.text(each.found))
            for each in _check(client, settings, kubernetes_version(workspace.cluster))
        ]
    is_healthy = all(finding.status != "wrong" for finding in findings)
    if as_json:
        told = {"healthy": is_healthy, "findings": [dataclasses.asdict(f) for f in findings]}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        _show(findings)
    return is_healthy


def _check(client: Client, settings: Settings, kubernetes: str) -> Iterator[Finding]:
    snapshot = _look(client, kubernetes, settings)
    yield from control_plane.check(snapshot, settings)
    yield from webhooks.check(snapshot)
    yield from injectors.check(snapshot, settings)
    if control_plane.has_istiod(settings):
        yield from webhooks.dry_runs(client, settings, snapshot.mesh)
    yield from bookinfo.check(snapshot, settings)
    yield from pods.sidecars(snapshot, settings)
    yield from mesh_namespaces.check(snapshot, settings)
    yield from gateways.check(snapshot, settings)
    yield from https.check(snapshot, settings)
    yield from waypoints.check(snapshot, settings)
    yield from pods.proxy_versions(snapshot)
    yield from certificates.check(snapshot, settings)
    if settings.cluster_name:
        kubeconfigs = remote_clusters.read(client, settings)
        yield from remote_clusters.check(kubeconfigs, snapshot, settings)
    yield from control_plane.leftovers(snapshot, settings)


def _look(client: Client, kubernetes: str, settings: Settings) -> Snapshot:
    return Snapshot(
        mesh=RunningMesh.read(client, kubernetes),
        deployments=_dicts(client.list(Deployment, namespace="*")),
        webhooks=[
            {**live.to_dict(), "kind": kind.__name__.removeprefix("Early")}
            for kind in running_mesh.webhooks(kubernetes)
            for live in client.list(kind, labels={"app": ISTIO})
        ],
        services=_dicts(client.list(Service, namespace="*")),
        pods=[pod for pod in _dicts(client.list(Pod, namespace="*")) if _stays(pod)],
        root_certificates=published(client, settings.istio_namespace),
    )


def _dicts(objects: Any) -> list[dict[str, Any]]:
    return [live.to_dict() for live in objects]


def _stays(pod: dict[str, Any]) -> bool:
    is_over = pod.get("status", {}).get("phase") in running_mesh.OVER
    return not is_over and "deletionTimestamp" not in pod["metadata"]


def _show(findings: list[Finding]) -> None:
    table = Table("", "CHECK", "OF", "FOUND", box=None, pad_edge=False)
    table.columns[1].no_wrap = True
    for finding in findings:
        table.add_row(
            MARKS[finding.status], finding.check, Text(finding.subject), Text(finding.found)
        )
    out = console.output()
    out.print(table)
    helpful = dict.fromkeys(finding.remedy for finding in findings if finding.remedy)
    if helpful:
        out.print("\nremedies:")
    for remedy in helpful:
        out.print(f"  {remedy}", markup=False, soft_wrap=True)
    wrong = sum(finding.status == "wrong" for finding in findings)
    out.print(f"\n{len(findings)} checks, {wrong} wrong")
