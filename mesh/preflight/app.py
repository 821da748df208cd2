"""Checks before an application changes anything: that a platform is up, with room on it."""

from collections.abc import Iterator

import pulumi

from mesh.istio import versions
from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import ownership
from mesh.kubernetes.client import connect, kubernetes_version
from mesh.kubernetes.cluster import Cluster
from mesh.preflight import existing_objects, immutable, labels, remedies
from mesh.preflight.platform import refuse
from mesh.settings.platform_contract import PlatformContract
from mesh.settings.schema import Settings

OLDEST: tuple[tuple[str, str | None, tuple[int, int], str], ...] = (
    # https://istio.io/latest/blog/2024/v1-apis/
    ("mode", "app", (1, 22), "the routes of an app are of APIs that came with Istio 1.22"),
    # https://istio.io/latest/blog/2024/ambient-reaches-ga/
    ("injection", "ambient", (1, 24), "ambient mode is for use since Istio 1.24"),
)
"""What an app's settings need: key, value, the oldest Istio, and why."""


def check(cluster: Cluster, stack: Settings, platform: PlatformContract) -> None:
    """Refuse a platform that isn't up or too old, and names that other stacks have."""
    if not cluster.is_there:
        return
    with connect(cluster) as client:
        mesh = RunningMesh.read(client, kubernetes_version(cluster))
        by_others = None
        if not stack.adopt and stack.bookinfo_namespace in mesh.namespaces:
            by_others = existing_objects.find(cluster, [stack.bookinfo_namespace])
    refuse(
        f"{cluster} has no platform that stack {ownership.stack()} can stand on; nothing "
        "was changed:",
        _lacks(mesh, stack, platform),
        # Without --refresh Pulumi takes for there what somebody deleted.
        f"bring it up: pulumi up --refresh --stack {remedies.platform_of(stack)}",
    )
    refuse(
        f"{cluster} has stack {ownership.stack()} otherwise; nothing was changed:",
        immutable.broken(mesh, cluster, stack),
    )
    if stack.injection == "auto":
        label = platform.proxies(stack.bookinfo_revision).label
        refuse(
            f"{cluster} has a label that keeps pods of stack {ownership.stack()} out of the mesh; "
            "nothing was changed:",
            labels.obstacles(mesh, {stack.bookinfo_namespace: label}),
        )
    foreign = list(_taken(mesh, stack))
    refuse(
        f"{cluster} has things that stack {ownership.stack()} would overwrite and "
        "doesn't own; nothing was changed:",
        foreign,
        "choose other names: pulumi config set bookinfoNamespace NAME, "
        "pulumi config set bookinfoHost HOST",
    )
    if by_others is not None:
        by_others.refuse()


def _lacks(mesh: RunningMesh, stack: Settings, platform: PlatformContract) -> Iterator[str]:
    choice = platform.proxies(stack.bookinfo_revision)
    home = platform.istio_namespace
    if mesh.owners.get(home) == ownership.stack():
        yield (
            f"namespace {home} is this stack's own: it can't become an app, which would remove "
            "Istio: leave it as it is, and make another stack"
        )
        return
    istiod = next(
        (each for each in mesh.istiods if (each.home, each.answers_to) == (home, choice.revision)),
        None,
    )
    injectors = {part.answers_to for part in mesh.injectors}
    if istiod is None:
        yield f"there is no istiod of revision {choice.revision} in namespace {home}"
        return
    if (home, istiod.name) in mesh.stopped:
        yield f"{istiod.name} in namespace {home} was scaled to 0"
    if stack.injection == "auto" and (choice.label or choice.revision) not in injectors:
        yield f"nothing injects what asks for {choice.label or choice.revision}"
    version = istiod.version or platform.versions[choice.revision]
    running = versions.parse(version)
    asked = stack.model_dump(include={key for key, *_ in OLDEST})
    for key, value, oldest, why in OLDEST:
        if asked[key] == value and running is not None and running[:2] < oldest:
            yield f"{istiod.name} is {version}; {why}"


def _taken(mesh: RunningMesh, stack: Settings) -> Iterator[str]:
    """Name what the stack would take from another one, or from somebody's hand."""
    ours = ownership.stack()
    part = mesh.namespaces.get(stack.bookinfo_namespace)
    if part is not None and (owner := mesh.owner(part)) != ours:
        if stack.adopt and owner is None:
            pulumi.log.warn(f"stack {ours} adopts {part}; a destroy of the stack removes it")
        else:
            yield f"{part}, of stack {owner}" if owner else str(part)
    for namespace, host in sorted(mesh.hosts.items()):
        if host == stack.bookinfo_host and namespace != stack.bookinfo_namespace:
            yield f"host {host}, of stack {mesh.owners[namespace]} in namespace {namespace}"
