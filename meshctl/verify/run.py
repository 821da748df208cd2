"""A run of all checks: a snapshot of the cluster, the checks that it allows, and their report."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from lightkube import Client
from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace

import console
from mesh import redaction
from mesh.istio import running_mesh
from mesh.istio.certificates import CONFIG_MAP
from mesh.istio.running_mesh import ADMISSION, RunningMesh
from mesh.kubernetes import kubeconfig
from mesh.kubernetes.client import connect, kubernetes_version, plain
from mesh.kubernetes.cluster import Cluster
from mesh.preflight import remedies
from mesh.settings.schema import Settings
from meshctl.verify import (
    analysis,
    bookinfo,
    certificates,
    control_plane,
    crds,
    gateways,
    https,
    injectors,
    istio_gateways,
    mesh_namespaces,
    mtls,
    network_policies,
    pods,
    policies,
    quotas,
    remote_clusters,
    routes,
    service_entries,
    service_ports,
    waypoints,
    webhooks,
)
from meshctl.verify.reader import METADATA, Kind, Reader, Right
from meshctl.verify.report import RIGHTS, Report
from meshctl.verify.snapshot import Finding, Snapshot
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import Workspace

ISTIO = ("sidecar-injector", "istiod", "istio-sidecar-injector", "galley")
"""Values of the label `app` of Istio's webhook configurations; the last two before 1.5."""
NETWORKING, SECURITY = "networking.istio.io", "security.istio.io"
KINDS: dict[str, tuple[Kind, ...]] = {
    "namespaces": (Kind(plural="namespaces"),),
    "deployments": (Kind(group="apps", plural="deployments"),),
    "services": (Kind(plural="services"),),
    "pods": (Kind(plural="pods"),),
    "webhooks": (
        Kind(group=ADMISSION, plural="mutatingwebhookconfigurations"),
        Kind(group=ADMISSION, plural="validatingwebhookconfigurations"),
    ),
    "network_policies": (Kind(group="networking.k8s.io", plural="networkpolicies"),),
    "resource_quotas": (Kind(plural="resourcequotas"),),
    "virtual_services": (Kind(group=NETWORKING, plural="virtualservices"),),
    "destination_rules": (Kind(group=NETWORKING, plural="destinationrules"),),
    "gateways": (Kind(group=NETWORKING, plural="gateways"),),
    "service_entries": (Kind(group=NETWORKING, plural="serviceentries"),),
    "authorization_policies": (Kind(group=SECURITY, plural="authorizationpolicies"),),
    "peer_authentications": (Kind(group=SECURITY, plural="peerauthentications"),),
}
"""What is read of all namespaces, by the snapshot's field."""
CONFIG_MAPS, SECRETS = Kind(plural="configmaps"), Kind(plural="secrets")
ROLE = "give this user the ClusterRole in docs/verify.md"


@dataclass(frozen=True, kw_only=True)
class Target:
    """The cluster to check, and the settings of its stack; None for a mesh without a stack."""

    cluster: Cluster
    settings: Settings | None


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check, and the snapshot's fields that it can't do without."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[Snapshot], Iterable[Finding]]


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
        snapshot = _look(reader, target)
        findings = list(_run(snapshot, _checks(client, target, snapshot), reader))
        analyzed = analysis.result(istioctl)
    return Report(
        cluster=f"{cluster}: {cluster.server}",
        findings=tuple(
            dataclasses.replace(each, found=redaction.text(each.found))
            for each in (*findings, *analyzed.findings)
        ),
        left_out=analyzed.left_out,
    )


def _run(snapshot: Snapshot, checks: Iterable[Check], reader: Reader) -> Iterator[Finding]:
    """Run what the snapshot allows, then name each right that is lacking for the rest."""
    skipped: dict[str, list[str]] = {}
    for check in checks:
        if unread := snapshot.unread.intersection(check.needs):
            for name in unread:
                skipped.setdefault(name, []).append(check.name)
        else:
            yield from check.run(snapshot)
    fields = {kind: name for name, kinds in KINDS.items() for kind in kinds}
    fields |= {CONFIG_MAPS: "root_certificates", SECRETS: "secrets"}
    for right in sorted(reader.lacking, key=str):
        names = dict.fromkeys(skipped.get(fields[right.kind], ["roots of the mesh"]))
        yield _lacking(right, ", ".join(names))


def _lacking(right: Right, names: str) -> Finding:
    return Finding(
        check=RIGHTS,
        subject=str(right),
        status="warning",
        found=f"missing right; not checked without it: {names}",
        remedy=ROLE,
    )


def _checks(client: Client, target: Target, snapshot: Snapshot) -> list[Check]:
    """List the checks, in the order of the table."""
    settings = target.settings
    mesh = ("namespaces", "deployments")
    update = _crd_update(settings)
    stack = _of_stack(client, settings) if settings else {}
    return [
        *stack.get("control plane", [_check("control plane", control_plane.found, *mesh)]),
        _check("endpoints", control_plane.endpoints, "services", "pods", "webhooks"),
        _check("CRDs", lambda found: crds.check(found, update), *mesh),
        _check("webhook", webhooks.check, *mesh, "services", "webhooks"),
        _check(
            "injector",
            lambda found: injectors.check(found, settings),
            *(*mesh, "pods", "webhooks"),
        ),
        _check("injectors of a namespace", injectors.rivals, "namespaces", "webhooks"),
        _check("injection labels", injectors.labels, "namespaces"),
        _check(
            "webhooks' answers",
            lambda _: _dry_runs(client, target, snapshot),
            *(*mesh, "webhooks"),
        ),
        _check("network policy", network_policies.check, *mesh, "network_policies", "pods"),
        *stack.get("bookinfo", []),
        _check(
            "sidecar", lambda found: pods.sidecars(found, settings), *(*mesh, "pods", "webhooks")
        ),
        _check("quota", quotas.check, "deployments", "pods", "resource_quotas"),
        _check("port", service_ports.check, "namespaces", "services"),
        _check(
            "route",
            routes.check,
            *("virtual_services", "destination_rules", "gateways"),
            *("service_entries", "services", "pods"),
        ),
        _check("gateway's pods", istio_gateways.check, "gateways", "pods"),
        _check("gateway's TLS", istio_gateways.secrets, "gateways", "pods", "secrets"),
        _check("service entry", service_entries.check, "service_entries", "services"),
        _check(
            "policy",
            policies.check,
            *(*mesh, "authorization_policies", "peer_authentications", "pods", "services"),
        ),
        _check(
            "mtls",
            mtls.check,
            *(*mesh, "destination_rules", "peer_authentications", "pods", "services"),
        ),
        *stack.get("gateways", []),
        _check("version", pods.proxy_versions, *mesh, "pods", "webhooks"),
        _check("root certificate", certificates.roots, *mesh, "root_certificates"),
        *stack.get("end", []),
    ]


def _of_stack(client: Client, settings: Settings) -> dict[str, list[Check]]:
    """List the checks that compare the cluster with a stack, by their place among the others."""

    def of(check: Callable[[Snapshot, Settings], Iterable[Finding]], *needs: str) -> Check:
        name = check.__module__.rpartition(".")[2].replace("_", " ")
        return _check(name, lambda found: check(found, settings), *needs)

    def remote(found: Snapshot) -> Iterable[Finding]:
        kubeconfigs = remote_clusters.read(client, settings)
        if kubeconfigs is None:
            right = Right(verb="list", kind=SECRETS, namespace=settings.istio_namespace)
            return [_lacking(right, "remote clusters")]
        return remote_clusters.check(kubeconfigs, found, settings)

    mesh = ("namespaces", "deployments")
    others = [_check("remote clusters", remote, "pods")] if settings.cluster_name else []
    return {
        "control plane": [of(control_plane.check, *mesh)],
        "bookinfo": [of(bookinfo.check, "deployments")],
        "gateways": [
            of(mesh_namespaces.check, "namespaces"),
            of(gateways.check, "services", "pods"),
            of(https.check, "services", "namespaces"),
            of(waypoints.check, "deployments", "services"),
        ],
        "end": [
            of(certificates.check, *mesh, "pods", "root_certificates"),
            *others,
            of(control_plane.leftovers, *mesh, "webhooks"),
        ],
    }


def _check(name: str, run: Callable[[Snapshot], Iterable[Finding]], *needs: str) -> Check:
    return Check(name=name, needs=needs, run=run)


def _dry_runs(client: Client, target: Target, snapshot: Snapshot) -> Iterator[Finding]:
    settings = target.settings
    if settings:
        if control_plane.has_istiod(settings):
            bring_back = remedies.bring_back(remedies.platform_of(settings))
            yield from webhooks.dry_runs(
                client, settings.istio_namespace, snapshot.mesh, bring_back
            )
        return
    again = "install Istio's ValidatingWebhookConfiguration again: helm upgrade or istioctl install"
    for namespace in _homes(snapshot.mesh):
        yield from webhooks.dry_runs(client, namespace, snapshot.mesh, again)


def _crd_update(settings: Settings | None) -> str:
    """Return what brings the CRDs of istiod's release."""
    if settings is None:
        return (
            "apply those of istiod's release: kubectl apply --server-side --force-conflicts -f "
            "RELEASE/manifests/charts/base/files/crd-all.gen.yaml"
        )
    platform = remedies.platform_of(settings)
    return remedies.bring_back(platform)


def _homes(mesh: RunningMesh) -> list[str]:
    """List the namespaces that have an istiod."""
    return sorted({istiod.namespace for istiod in mesh.istiods if istiod.namespace})


def _look(reader: Reader, target: Target) -> Snapshot:
    read = {name: [reader.every(kind) for kind in kinds] for name, kinds in KINDS.items()}
    unread = {name for name, lists in read.items() if None in lists}
    found: dict[str, list[dict[str, Any]]] = {
        name: [each for one in lists for each in one or ()] for name, lists in read.items()
    }
    injecting, validating = (each or [] for each in read["webhooks"])
    deployments = [Deployment.from_dict(each) for each in found["deployments"]]
    mesh = RunningMesh.of(
        kubernetes_version(target.cluster),
        namespaces=[Namespace.from_dict(each) for each in found["namespaces"]],
        istiods=[each for each in deployments if _app(each) in running_mesh.ISTIODS],
        injectors=[
            MutatingWebhookConfiguration.from_dict(each)
            for each in injecting
            if _label(each, "app") in running_mesh.INJECTORS
        ],
    )
    found["pods"] = [pod for pod in found["pods"] if _stays(pod)]
    found["webhooks"] = [
        {**each, "kind": kind}
        for kind, listed in (
            ("MutatingWebhookConfiguration", injecting),
            ("ValidatingWebhookConfiguration", validating),
        )
        for each in listed
        if _label(each, "app") in ISTIO
    ]
    homes = [target.settings.istio_namespace] if target.settings else _homes(mesh)
    roots = reader.one(CONFIG_MAPS, homes[0], CONFIG_MAP) if homes else None
    secrets = {
        name
        for name in sorted(istio_gateways.named_secrets(found["gateways"], found["pods"]))
        if reader.one(SECRETS, *name.split("/"), accept=METADATA)
    }
    by_kind = {CONFIG_MAPS: "root_certificates", SECRETS: "secrets"}
    unread |= {by_kind[right.kind] for right in reader.lacking if right.kind in by_kind}
    return Snapshot(
        mesh=mesh,
        root_certificates=roots,
        secrets=frozenset(secrets),
        istio_apis=frozenset().union(*(reader.served(group) for group in crds.GROUPS)),
        unread=frozenset(unread),
        **found,
    )


def _app(deployment: Deployment) -> str:
    metadata = deployment.metadata
    return ((metadata.labels if metadata else None) or {}).get("app", "")


def _label(manifest: dict[str, Any], name: str) -> str:
    return (manifest["metadata"].get("labels") or {}).get(name, "")


def _stays(pod: dict[str, Any]) -> bool:
    is_over = pod.get("status", {}).get("phase") in running_mesh.OVER
    return not is_over and "deletionTimestamp" not in pod["metadata"]
