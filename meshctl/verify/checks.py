"""The checks, in the order of the table, each with what it needs of a snapshot."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lightkube import Client

from mesh.preflight import remedies
from mesh.settings.schema import Settings
from meshctl.verify import (
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
from meshctl.verify.objects import SECRETS, homes_of
from meshctl.verify.reader import Right
from meshctl.verify.report import lacking
from meshctl.verify.snapshot import Finding, Snapshot


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check, and the snapshot's fields that it can't do without."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[Snapshot], Iterable[Finding]]


def of(client: Client, settings: Settings | None) -> list[Check]:
    """List the checks of a stack's mesh, or without settings those of any mesh."""
    mesh = ("namespaces", "deployments")
    istiod = (*mesh, "services", "webhooks")
    update = _crd_update(settings)
    stack = _of_stack(client, settings) if settings else {}
    return [
        *stack.get("control plane", [_check("control plane", control_plane.found, *istiod)]),
        _check("endpoints", control_plane.endpoints, "services", "pods", "webhooks"),
        _check("CRDs", lambda found: crds.check(found, update), *mesh),
        _check("webhook", webhooks.check, *istiod),
        _check(
            "injector",
            lambda found: injectors.check(found, settings),
            *(*mesh, "pods", "webhooks"),
        ),
        _check("injectors of a namespace", injectors.rivals, "namespaces", "webhooks"),
        _check("injection labels", injectors.labels, "namespaces"),
        _check(
            "webhooks' answers",
            lambda found: _dry_runs(client, settings, found),
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
        _check(
            "gateway's pods",
            istio_gateways.check,
            *("gateways", "pods", "virtual_services", "deployments"),
        ),
        _check("gateway's TLS", istio_gateways.secrets, "gateways", "pods"),
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
        _check("version", pods.proxy_versions, *istiod, "pods"),
        _check("root certificate", certificates.roots, *mesh),
        *stack.get("end", []),
    ]


def _of_stack(client: Client, settings: Settings) -> dict[str, list[Check]]:
    """List the checks that compare the cluster with a stack, by their place among the others."""

    def check_of(check: Callable[[Snapshot, Settings], Iterable[Finding]], *needs: str) -> Check:
        name = check.__module__.rpartition(".")[2].replace("_", " ")
        return _check(name, lambda found: check(found, settings), *needs)

    def remote(found: Snapshot) -> Iterable[Finding]:
        kubeconfigs = remote_clusters.read(client, settings)
        if kubeconfigs is None:
            right = Right(verb="list", kind=SECRETS, namespace=settings.istio_namespace)
            return [lacking(right, "remote clusters")]
        return remote_clusters.check(kubeconfigs, found, settings)

    mesh = ("namespaces", "deployments")
    others = [_check("remote clusters", remote, "pods")] if settings.cluster_name else []
    return {
        "control plane": [check_of(control_plane.check, *mesh)],
        "bookinfo": [check_of(bookinfo.check, "deployments")],
        "gateways": [
            check_of(mesh_namespaces.check, "namespaces"),
            check_of(gateways.check, "services", "pods"),
            check_of(https.check, "services", "namespaces"),
            check_of(waypoints.check, "deployments", "services"),
        ],
        "end": [
            check_of(certificates.check, *mesh, "pods"),
            *others,
            check_of(control_plane.leftovers, *mesh, "webhooks"),
        ],
    }


def _check(name: str, run: Callable[[Snapshot], Iterable[Finding]], *needs: str) -> Check:
    return Check(name=name, needs=needs, run=run)


def _dry_runs(client: Client, settings: Settings | None, snapshot: Snapshot) -> Iterator[Finding]:
    if settings:
        if control_plane.has_istiod(settings):
            bring_back = remedies.bring_back(remedies.platform_of(settings))
            yield from webhooks.dry_runs(
                client, settings.istio_namespace, snapshot.mesh, bring_back
            )
        return
    again = "install Istio's ValidatingWebhookConfiguration again: helm upgrade or istioctl install"
    for namespace in homes_of(snapshot.mesh):
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
