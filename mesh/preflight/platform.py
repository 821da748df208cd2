"""Preflight of a platform: a preview refuses what an update would break or fail on."""

from collections.abc import Iterator

import pulumi

from mesh.charts import required_apis
from mesh.istio.control_planes import ControlPlanes
from mesh.istio.gateway_api_crds import Bundle
from mesh.istio.running_mesh import RunningMesh, injected_pods
from mesh.kubernetes import ownership, watch_list
from mesh.kubernetes.client import connect
from mesh.kubernetes.cluster import Cluster, applies_server_side
from mesh.preflight import (
    adoption,
    ambient_move,
    certificates,
    existing_objects,
    gateway_certificates,
    gateways,
    immutable,
    in_use,
    injection,
    node_agents,
    remedies,
    upgrades,
)
from mesh.preflight.refusal import refuse
from mesh.settings.labels import INJECTION
from mesh.settings.schema import Settings


def check(
    cluster: Cluster,
    settings: Settings,
    planes: ControlPlanes,
    bundle: Bundle | None,
    running: RunningMesh | None,
) -> None:
    """Refuse a cluster that doesn't answer, or in which the stack would break something.

    The stack's namespaces must not exist yet, or have the annotation that it owns them, unless
    `adopt` is set. `bundle` has the CRDs of the Gateway API that the stack creates; `running` is
    the cluster's mesh, None for a stack that is only rendered.
    """
    if running is None:
        return
    stack, kubernetes = ownership.stack(), running.kubernetes
    removed = in_use.removed(running, settings, planes)
    foreign = None
    with connect(cluster) as client:
        notes = gateways.crd_notes(client)
        obstacles = list(gateways.obstacles(client, settings, bundle, notes))
        warnings: list[str] = []
        uncertified = list(gateway_certificates.refusals(client, settings, running, warnings))
        unmoved = list(ambient_move.obstacles(client, settings, running, warnings))
        if not settings.adopt and applies_server_side(kubernetes):
            own = [name for name in settings.namespaces if name in running.namespaces]
            foreign = existing_objects.find(cluster, own, gateway_api=settings.needs_gateway_api)
        # A cluster may have many pods: list them only if the update removes a revision or tag.
        pods = list(injected_pods(client)) if removed else []
        warnings += [
            *certificates.changes(client, running, settings),
            *gateways.outdated_crds(planes, bundle, notes),
        ]

    adoption.check(cluster, running, settings, planes)
    if foreign is not None:
        foreign.refuse()
    refuse(
        f"stack {stack} was deployed to {cluster} with settings that can't be changed in place",
        immutable.changed(running, cluster, settings),
    )
    refuse(
        f"{cluster} has an Istio that can't be upgraded to the wanted one in place",
        upgrades.unsupported(running, settings, planes),
    )
    refuse(
        f"{cluster} is Kubernetes {kubernetes.removeprefix('v')}, which lacks APIs that stack "
        f"{stack} needs",
        _unserved(settings, planes, kubernetes),
    )
    refuse(
        f"{cluster} has nodes on which istio-cni needs another folder than stack {stack} sets",
        node_agents.misplaced(running.kubernetes, settings),
    )
    refuse(
        f"Bookinfo of stack {stack} can't be moved between sidecars and ambient mode in one update",
        unmoved,
    )
    refuse(f"{cluster} has objects on which the gateways of stack {stack} would fail", obstacles)
    refuse(f"the gateways of stack {stack} have no valid certificate", uncertified)
    refuse(
        f"{cluster} has labels that keep pods of stack {stack} out of the mesh",
        injection.wrong_labels(running, injection.labels_of(settings, planes)),
    )
    refuse(
        f"{cluster} lacks namespaces that stack {stack} has mutual TLS policies for",
        _missing_namespaces(settings, running),
    )
    refuse(
        f"{cluster} has namespaces that stack {stack} can't take into its mesh",
        _foreign_namespaces(settings, running),
    )
    refuse(
        f"{cluster} still uses a control plane or tag that stack {stack} would remove",
        in_use.users(running, settings, planes, removed, pods),
        in_use.REMEDY,
    )
    for warning in warnings:
        pulumi.log.warn(warning)
    _warn(cluster, settings, planes, running)


def _unserved(settings: Settings, planes: ControlPlanes, kubernetes: str) -> dict[str, None]:
    return dict.fromkeys(
        reason
        for release in planes.releases
        for reason in required_apis.unserved(settings, release, kubernetes)
    )


def _missing_namespaces(settings: Settings, running: RunningMesh) -> Iterator[str]:
    """List mTLS policies for namespaces that neither the cluster has nor the stack creates."""
    keys = {namespace: f"mtlsByNamespace.{namespace}" for namespace in settings.mtls_by_namespace}
    if settings.mtls == "strict":
        keys[settings.root_namespace] = "meshConfig.rootNamespace"
    created = {name for name, wanted in settings.mesh_namespaces.items() if wanted.create}
    for namespace, key in keys.items():
        if namespace not in {*running.namespaces, *settings.namespaces, *created}:
            yield (
                f"there is no namespace {namespace}: `kubectl create namespace {namespace}`, or "
                f"`pulumi config rm --path {key}`"
            )


def _foreign_namespaces(settings: Settings, running: RunningMesh) -> Iterator[str]:
    """List namespaces of others that don't exist, or that a stack owns."""
    for namespace, wanted in settings.mesh_namespaces.items():
        foreign = running.foreign_injection_labels.get(namespace)
        if namespace not in running.namespaces:
            if not wanted.create:
                key = f"meshNamespaces.{namespace}"
                yield (
                    f"there is no namespace {namespace}: `pulumi config set --path {key}.create "
                    f"true`, or `pulumi config rm --path {key}`"
                )
        elif owner := running.owners.get(namespace):
            yield f"namespace {namespace} is of stack {owner}, which labels it itself"
        elif wanted.injection == "auto" and foreign not in (None, "enabled"):
            yield (
                f"namespace {namespace} is labelled {INJECTION}={foreign} by somebody else: "
                f"kubectl label namespace {namespace} {INJECTION}-"
            )


def _warn(
    cluster: Cluster, settings: Settings, planes: ControlPlanes, running: RunningMesh
) -> None:
    """Warn of problems that don't stop the update."""
    adoption.warn_of_istioctl(running)
    if watch_list.is_unknown(running.kubernetes) and not watch_list.is_off():
        pulumi.log.warn(watch_list.remedy(running.kubernetes))
    for name in injection.deleted_injectors(running, settings, planes):
        pulumi.log.warn(
            f"{cluster} has lost the injector of {name}, and pods are created without "
            f"istio-proxy: {remedies.bring_back()}"
        )
    for name in sorted(running.scaled_to_zero_of(settings)):
        pulumi.log.warn(
            f"{name} was scaled to 0 replicas, which no autoscaler changes: it is started again"
        )
