"""Adoption: existing objects that the stack would create, owned by no stack or another one."""

from collections.abc import Iterator

import pulumi

from mesh.istio.control_planes import ControlPlanes
from mesh.istio.running_mesh import ISTIOCTL, IstioObject, RunningMesh
from mesh.kubernetes import ownership
from mesh.kubernetes.cluster import Cluster
from mesh.preflight.refusal import refuse
from mesh.settings.schema import Settings


def check(
    cluster: Cluster, running: RunningMesh, settings: Settings, planes: ControlPlanes
) -> None:
    """Refuse objects that the stack doesn't own, unless `adopt` is set and they can be adopted."""
    refuse(
        f"{cluster} has namespaces that stack {ownership.stack()} would create: a Pulumi program "
        "made them, and they don't say which stack",
        _unmarked(running, settings),
    )
    foreign = list(_foreign(running, settings))
    adoptable = [each for each in foreign if _can_be_adopted(each, running, settings, planes)]
    if settings.adopt and len(adoptable) == len(foreign):
        if foreign:
            pulumi.log.warn(
                f"stack {ownership.stack()} adopts objects that it would create and the cluster "
                "has: they are taken over in place, and a destroy of the stack removes all but "
                "namespaces:\n" + "\n".join(f"  - {each}" for each in foreign)
            )
        return
    refused = [each for each in foreign if not (settings.adopt and each in adoptable)]
    remedies = ["remove them with the tool that made them, or choose another cluster or namespaces"]
    if len(adoptable) == len(foreign):
        remedies.append("or take them over as they are: pulumi config set adopt true")
    if any(running.owner(each) for each in foreign):
        remedies.append(
            "if that stack is this one before it was renamed: kubectl annotate --overwrite "
            f"namespace NAMESPACE {ownership.ANNOTATION}={ownership.stack()}"
        )
    refuse(
        f"{cluster} has objects that stack {ownership.stack()} would overwrite and doesn't own",
        (_with_owner(each, running) for each in refused),
        *remedies,
    )


def warn_of_istioctl(running: RunningMesh) -> None:
    """Warn when istioctl still owns fields of istiods that the stack adopted."""
    if any(ISTIOCTL in istiod.managers and running.owner(istiod) for istiod in running.istiods):
        pulumi.log.warn(
            "istioctl still owns fields of adopted objects, and may have created others: "
            f"`venv/bin/python -m meshctl handover --stack {pulumi.get_stack()}` lists them, and "
            "takes them over with --yes"
        )


def _unmarked(running: RunningMesh, settings: Settings) -> Iterator[str]:
    """List namespaces that a Pulumi program made, and that have no mark of a stack.

    The program may be this one, whose namespaces must not be adopted: its state has them already,
    and Pulumi would delete them.
    """
    for name in settings.namespaces:
        part = running.namespaces.get(name)
        is_unmarked = running.owners.get(name) is None and name not in running.adopted
        if part and part.is_pulumis and is_unmarked:
            yield (
                f"{part}: if this stack made it, kubectl annotate namespace {name} "
                f"{ownership.ANNOTATION}={ownership.stack()}; if somebody else did, kubectl "
                f"annotate namespace {name} {ownership.ADOPTED}=true"
            )


def _foreign(running: RunningMesh, settings: Settings) -> Iterator[IstioObject]:
    own = [running.namespaces[name] for name in settings.namespaces if name in running.namespaces]
    for each in (*own, *running.istiods, *running.injectors):
        if running.owner(each) != ownership.stack():
            yield each


def _can_be_adopted(
    found: IstioObject, running: RunningMesh, settings: Settings, planes: ControlPlanes
) -> bool:
    """Return whether no stack owns the object, and this stack would create it too."""
    if running.owner(found):
        return False
    return found.kind == "Namespace" or (
        found.control_plane_namespace == settings.istio_namespace and found.revision in planes.names
    )


def _with_owner(found: IstioObject, running: RunningMesh) -> str:
    owner = running.owner(found)
    return f"{found}, of stack {owner}" if owner else str(found)
