"""Whether the mesh that a stack deployed works: a look at the cluster, as a table and a verdict."""

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
from mesh.istio import running_mesh
from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes.client import connect, kubernetes_version
from mesh.preflight import remedies
from mesh.settings.revisions import DEFAULT
from mesh.settings.schema import Settings
from meshctl.verify import (
    injectors as injector_checks,
)
from meshctl.verify import (
    mesh as mesh_checks,
)
from meshctl.verify import (
    pods as pod_checks,
)
from meshctl.verify import (
    webhooks as webhook_trial,
)
from meshctl.verify.mesh import Finding, Snapshot
from meshctl.workspace import settings
from meshctl.workspace.stack import Workspace

MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "wrong": "[bold red]✗[/]"}
ISTIO = ("sidecar-injector", "istiod", "istio-sidecar-injector", "galley")
"""What Istio's webhook configurations are labelled with as their app; the last two before 1.5."""
UNREACHED = (
    "let the API server reach istiod: see to its pods, its Service, and a firewall between "
    "(port 15017 of the pods)"
)


def verify(workspace: Workspace, *, as_json: bool = False) -> bool:
    """Check all of it, print what was found, and tell whether nothing is wrong.

    Nothing is changed: what asks the webhooks is a dry run, which the API server doesn't store.
    Raises pulumi.RunError or WorkspaceError when the cluster can't be asked.
    """
    stack = settings.read(workspace)
    with console.alive("looking at the mesh"), connect(workspace.cluster) as client:
        findings = list(_check(client, stack, kubernetes_version(workspace.cluster)))
    is_healthy = all(finding.status != "wrong" for finding in findings)
    if as_json:
        told = {"healthy": is_healthy, "findings": [dataclasses.asdict(f) for f in findings]}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        _show(findings)
    return is_healthy


def _check(client: Client, stack: Settings, kubernetes: str) -> Iterator[Finding]:
    snapshot = _look(client, kubernetes)
    yield from mesh_checks.control_plane(snapshot, stack)
    yield from mesh_checks.webhooks(snapshot)
    yield from injector_checks.injectors(snapshot, stack)
    if mesh_checks.has_istiod(stack):
        yield from _trials(client, stack, snapshot.mesh)
    yield from mesh_checks.bookinfo(snapshot, stack)
    yield from pod_checks.sidecars(snapshot, stack)
    yield from mesh_checks.gateways(snapshot, stack)
    yield from pod_checks.versions(snapshot)
    yield from mesh_checks.leftovers(snapshot, stack)


def _look(client: Client, kubernetes: str) -> Snapshot:
    webhooks = [
        {**live.to_dict(), "kind": kind.__name__.removeprefix("Early")}
        for kind in running_mesh.webhooks(kubernetes)
        for live in client.list(kind, labels={"app": ISTIO})
    ]
    pods = [pod.to_dict() for pod in client.list(Pod, namespace="*")]
    return Snapshot(
        mesh=RunningMesh.read(client, kubernetes),
        deployments=_dicts(client.list(Deployment, namespace="*")),
        webhooks=webhooks,
        services=_dicts(client.list(Service, namespace="*")),
        pods=[pod for pod in pods if _stays(pod)],
    )


def _dicts(objects: Any) -> list[dict[str, Any]]:
    return [live.to_dict() for live in objects]


def _stays(pod: dict[str, Any]) -> bool:
    is_over = pod.get("status", {}).get("phase") in running_mesh.OVER
    return not is_over and "deletionTimestamp" not in pod["metadata"]


def _trials(client: Client, stack: Settings, mesh: RunningMesh) -> Iterator[Finding]:
    """Ask each injector of the stack for a proxy, and each validator to refuse something."""
    injectors = {part.answers_to for part in mesh.injectors if part.home == stack.istio_namespace}
    istiods = {part.answers_to for part in mesh.istiods if part.home == stack.istio_namespace}
    asked = [
        ("injector", webhook_trial.inject, injectors),
        # Objects without a revision are one's, too, whichever it is.
        ("validator", webhook_trial.validate, istiods | ({DEFAULT} if istiods else set())),
    ]
    for what, trial, names in asked:
        for name in sorted(filter(None, names)):
            status, found = answer = trial(client, stack.istio_namespace, name)
            remedy = UNREACHED if status == "wrong" else ""
            if answer == webhook_trial.LET_IN:
                remedy = remedies.bring_back(remedies.platform_of(stack))
            yield Finding(
                check="webhook",
                subject=f"{what} {name}",
                status=status,
                found=found,
                remedy=remedy,
            )


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
        out.print("\nwhat helps:")
    for remedy in helpful:
        out.print(f"  {remedy}", markup=False, soft_wrap=True)
    wrong = sum(finding.status == "wrong" for finding in findings)
    out.print(f"\n{len(findings)} checks, {wrong} wrong")
