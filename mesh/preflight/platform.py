"""Checks before anything changes: a preview refuses what an update would break on."""

from collections.abc import Iterable, Iterator

import pulumi

from mesh.charts import required_apis
from mesh.istio import versions
from mesh.istio.control_planes import ControlPlanes
from mesh.istio.gateway_api_crds import Bundle
from mesh.istio.running_mesh import ISTIOCTL, REVISION, Part, RunningMesh, injected_pods
from mesh.kubernetes import ownership, watch_list
from mesh.kubernetes.client import connect, kubernetes_version
from mesh.kubernetes.cluster import Cluster, applies_server_side
from mesh.preflight import (
    existing_objects,
    immutable,
    injectors,
    remedies,
)
from mesh.preflight import (
    gateways as gateway_preflight,
)
from mesh.preflight import (
    labels as label_preflight,
)
from mesh.settings import security
from mesh.settings.schema import Settings

SHOWN = 20  # of the pods that still use what is to go: there may be thousands


def check(
    cluster: Cluster, stack: Settings, planes: ControlPlanes, gateway_api: Bundle | None
) -> dict[str, int]:
    """Refuse a cluster that doesn't answer, or in which the stack would break something.

    The stack's own namespaces must be absent, or bear its mark, unless it may adopt them;
    `gateway_api` is what it brings.

    Returns the istiods and gateways that somebody scaled to nothing, for only the program can
    start those again: an autoscaler leaves a 0 alone, and to Pulumi the replicas are its own.
    """
    if not cluster.is_there:
        return {}
    where = str(cluster)
    with connect(cluster) as client:
        kubernetes = kubernetes_version(cluster)
        mesh = RunningMesh.read(client, kubernetes)
        obstacles = list(gateway_preflight.obstacles(client, stack, gateway_api))
        by_others = None
        if not stack.adopt and applies_server_side(kubernetes):
            own = [name for name in stack.namespaces if name in mesh.namespaces]
            by_others = existing_objects.find(cluster, own)
        gone = _gone(mesh, planes)
        # All pods of a cluster are many: asked for only when they can matter.
        pods = list(injected_pods(client)) if gone else []

    _refuse_foreign(where, mesh, stack, planes)
    if by_others is not None:
        by_others.refuse()
    refuse(
        f"{where} has stack {ownership.stack()} otherwise; nothing was changed:",
        immutable.broken(mesh, cluster, stack),
    )
    refuse(
        f"{where} has an Istio that can't become the wanted one; nothing was changed:",
        _too_far(mesh, stack, planes),
    )
    refuse(
        f"{where} is Kubernetes {kubernetes.removeprefix('v')}, which doesn't serve what stack "
        f"{ownership.stack()} is made of; nothing was changed:",
        dict.fromkeys(
            reason
            for istio in planes.releases
            for reason in required_apis.unserved(stack, istio, kubernetes)
        ),
    )
    refuse(
        f"{where} has what the gateways of stack {ownership.stack()} would fail on; nothing was "
        "changed:",
        obstacles,
    )
    refuse(
        f"{where} has labels that keep pods of stack {ownership.stack()} out of the mesh; nothing "
        "was changed:",
        label_preflight.obstacles(mesh, _labels(stack, planes)),
    )
    refuse(
        f"{where} lacks namespaces that stack {ownership.stack()} has mutual TLS policies for; "
        "nothing was changed:",
        security.homeless(stack, mesh.namespaces),
    )
    refuse(
        f"{where} still uses what stack {ownership.stack()} would remove; nothing was changed:",
        _in_use(mesh, stack, gone, pods),
        "keep it until nothing uses it: move Bookinfo and the gateway by bookinfoRevision, "
        f"gatewayRevision or a tag of revisionTags, other namespaces by their label {REVISION} "
        "and `kubectl rollout restart`",
    )
    if any(ISTIOCTL in istiod.managers and mesh.owner(istiod) for istiod in mesh.istiods):
        pulumi.log.warn(
            "istioctl still holds fields of what was adopted, and may have objects beside: "
            "`python -m meshctl handover` shows them, and with --yes ends it"
        )
    if watch_list.is_unknown(kubernetes) and not watch_list.is_off():
        pulumi.log.warn(watch_list.remedy(kubernetes))
    for name in injectors.gone(mesh, stack, planes):
        pulumi.log.warn(
            f"{where} has lost the injector of {name}, and pods are made without istio-proxy: "
            f"{remedies.bring_back()}"
        )
    scaled = {(stack.istio_namespace, istiod.name) for istiod in mesh.istiods}
    scaled |= {
        (stack.namespace_of(gateway), gateway.name)
        for gateway in stack.gateways
        if gateway.replicas is None
    }
    stopped = {
        name: generation
        for (home, name), generation in mesh.stopped.items()
        if (home, name) in scaled
    }
    for name in sorted(stopped):
        pulumi.log.warn(f"{name} was scaled to 0, where no autoscaler helps: it is started again")
    return stopped


def refuse(what: str, reasons: Iterable[str], *remedies: str) -> None:
    """End the program with all the reasons in one message, if there are any."""
    if reasons := [f"  - {reason}" for reason in reasons]:
        raise pulumi.RunError("\n".join([what, *reasons, *filter(None, ["; ".join(remedies)])]))


def _refuse_foreign(where: str, mesh: RunningMesh, stack: Settings, planes: ControlPlanes) -> None:
    """Refuse what isn't the stack's, unless it is nobody's and the stack may adopt it."""
    foreign = list(_foreign(mesh, stack))
    adoptable = [part for part in foreign if _can_be_adopted(part, mesh, stack, planes)]
    if stack.adopt and len(adoptable) == len(foreign):
        if foreign:
            pulumi.log.warn(
                f"stack {ownership.stack()} adopts what it would create and the cluster has: it "
                "is taken over in place, and a destroy of the stack removes it:\n"
                + "\n".join(f"  - {part}" for part in foreign)
            )
        return
    refused = [part for part in foreign if not (stack.adopt and part in adoptable)]
    remedies = ["remove them with the tool that made them, or choose another cluster or namespaces"]
    if len(adoptable) == len(foreign):
        remedies.append("or take them over as they are: pulumi config set adopt true")
    if any(mesh.owner(part) for part in foreign):
        remedies.append(
            "if that stack is this one before it was renamed: kubectl annotate --overwrite "
            f"namespace NAMESPACE {ownership.ANNOTATION}={ownership.stack()}"
        )
    refuse(
        f"{where} has things that stack {ownership.stack()} would overwrite and doesn't own; "
        "nothing was changed:",
        (_with_owner(part, mesh) for part in refused),
        *remedies,
    )


def _foreign(mesh: RunningMesh, stack: Settings) -> Iterator[Part]:
    ours = [mesh.namespaces[name] for name in stack.namespaces if name in mesh.namespaces]
    for part in (*ours, *mesh.istiods, *mesh.injectors):
        if mesh.owner(part) != ownership.stack():
            yield part


def _can_be_adopted(part: Part, mesh: RunningMesh, stack: Settings, planes: ControlPlanes) -> bool:
    """Tell whether a part is nobody's, and one that the stack makes too."""
    if mesh.owner(part):
        return False
    return part.kind == "Namespace" or (
        part.home == stack.istio_namespace and part.answers_to in planes.names
    )


def _with_owner(part: Part, mesh: RunningMesh) -> str:
    owner = mesh.owner(part)
    return f"{part}, of stack {owner}" if owner else str(part)


def _too_far(mesh: RunningMesh, stack: Settings, planes: ControlPlanes) -> Iterator[str]:
    """Name each istiod that would be upgraded by too much at once, or taken back."""
    for istiod in mesh.istiods:
        plane = planes.names.get(istiod.answers_to or "")
        if istiod.home != stack.istio_namespace or plane is None:
            continue
        if istiod.version is None:
            pulumi.log.warn(f"{istiod.name} doesn't tell its version: the upgrade isn't checked")
        elif rule := versions.in_place(istiod.version, plane.release.version):
            yield f"{istiod.name} is {istiod.version}, wanted {plane.release.version}; {rule}"


def _labels(stack: Settings, planes: ControlPlanes) -> label_preflight.Labels:
    """Tell whom the stack's namespaces with injected pods ask for their proxies."""
    labels: dict[str, str | None] = {}
    if stack.routing_api == "istio":
        gateways = planes.proxies(stack.gateway_revision).label
        labels = dict.fromkeys(stack.gateway_namespaces, gateways)
    if stack.injection == "auto" and stack.mode == "standalone":
        labels[stack.bookinfo_namespace] = planes.proxies(stack.bookinfo_revision).label
    return labels


def _gone(mesh: RunningMesh, planes: ControlPlanes) -> set[str]:
    """Name the stack's revisions and tags that are there and won't be."""
    parts = (*mesh.istiods, *mesh.injectors)
    ours = {part.answers_to for part in parts if mesh.owner(part) == ownership.stack()}
    return {name for name in ours if name and name not in planes.names}


def _in_use(
    mesh: RunningMesh, stack: Settings, gone: set[str], pods: list[tuple[str, str]]
) -> Iterator[str]:
    """Name the pods and the namespaces of what will be gone."""
    for name in sorted(gone):
        if users := sorted(pod for revision, pod in pods if revision == name):
            more = f" and {len(users) - SHOWN} more" if len(users) > SHOWN else ""
            yield f"revision {name}, by the pods {', '.join(users[:SHOWN])}{more}"
        for namespace, asked in sorted(mesh.asked_for.items()):
            if asked == name and namespace not in stack.namespaces:
                yield f"revision or tag {name}, by the label of namespace {namespace}"
