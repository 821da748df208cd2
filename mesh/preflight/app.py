"""Preflight of an app stack: the platform is running, and the namespace and host are free."""

from collections.abc import Iterator

import pulumi

from mesh.istio import gateway_api_crds, versions
from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import ownership
from mesh.kubernetes.client import connect
from mesh.kubernetes.cluster import Cluster
from mesh.preflight import (
    ambient_move,
    existing_objects,
    gateway_certificates,
    gateways,
    immutable,
    injection,
    remedies,
)
from mesh.preflight.refusal import refuse
from mesh.settings.platform_contract import PlatformContract
from mesh.settings.schema import Settings

OLDEST: tuple[tuple[str, str | None, tuple[int, int], str], ...] = (
    # https://istio.io/latest/blog/2024/v1-apis/
    ("mode", "app", (1, 22), "the routes of an app are of APIs that came with Istio 1.22"),
    # https://istio.io/latest/blog/2024/ambient-reaches-ga/
    ("injection", "ambient", (1, 24), "ambient mode is for use since Istio 1.24"),
)
"""Minimum Istio versions for settings of an app: key, value, oldest version, and reason."""


def check(
    cluster: Cluster,
    settings: Settings,
    platform: PlatformContract,
    running: RunningMesh | None,
) -> None:
    """Refuse a platform that is down or too old, and a namespace or host that is taken."""
    if running is None:
        return
    stack = ownership.stack()
    foreign = None
    warnings: list[str] = []
    uncertified: list[str] = []
    with connect(cluster) as client:
        if not settings.adopt and settings.bookinfo_namespace in running.namespaces:
            own = [settings.bookinfo_namespace]
            foreign = existing_objects.find(cluster, own, gateway_api=settings.needs_gateway_api)
        if settings.bookinfo_credential_name:
            uncertified += gateway_certificates.refusals_of_app(client, settings, warnings)
        unmoved = list(ambient_move.obstacles(client, settings, running, warnings))
        has_gateway_api = not settings.waypoints or gateways.crd_notes(client) is not None
    refuse(
        f"{cluster} has no platform that stack {stack} can use",
        _lacks(running, settings, platform),
        # Without --refresh Pulumi doesn't notice deleted objects.
        f"deploy it: pulumi up --refresh --stack {remedies.platform_of(settings)}",
    )
    refuse(
        f"stack {stack} was deployed to {cluster} with settings that can't be changed in place",
        immutable.changed(running, cluster, settings),
    )
    if settings.injection == "auto":
        label = platform.proxies(settings.bookinfo_revision).label
        refuse(
            f"{cluster} has a label that keeps pods of stack {stack} out of the mesh",
            injection.wrong_labels(running, {settings.bookinfo_namespace: label}),
        )
    refuse(
        f"{cluster} has objects that stack {stack} would overwrite and doesn't own",
        list(_taken(running, settings)),
        "choose other names: pulumi config set bookinfoNamespace NAME, "
        "pulumi config set bookinfoHost HOST",
        "or, if that stack is this one before it was renamed: kubectl annotate --overwrite "
        f"namespace {settings.bookinfo_namespace} {ownership.ANNOTATION}={stack}",
    )
    refuse(
        f"Bookinfo of stack {stack} can't be moved between sidecars and ambient mode in one update",
        unmoved,
    )
    refuse(
        f"{cluster} lacks what the waypoints of stack {stack} need",
        [] if has_gateway_api else list(_no_gateway_api(settings)),
    )
    refuse(f"stack {stack} has no valid certificate for its host", uncertified)
    for warning in warnings:
        pulumi.log.warn(warning)
    if foreign is not None:
        foreign.refuse()


def _lacks(running: RunningMesh, settings: Settings, platform: PlatformContract) -> Iterator[str]:
    choice = platform.proxies(settings.bookinfo_revision)
    namespace = platform.istio_namespace
    if running.owners.get(namespace) == ownership.stack():
        yield (
            f"namespace {namespace} is this stack's own, and as an app it would remove Istio: "
            "leave its mode as it is, and make another stack"
        )
        return
    istiod = next(
        (
            each
            for each in running.istiods
            if (each.control_plane_namespace, each.revision) == (namespace, choice.revision)
        ),
        None,
    )
    injectors = {part.revision for part in running.injectors}
    if istiod is None:
        yield f"there is no istiod of revision {choice.revision} in namespace {namespace}"
        return
    if (namespace, istiod.name) in running.scaled_to_zero:
        yield f"{istiod.name} in namespace {namespace} was scaled to 0"
    if settings.injection == "auto" and (choice.label or choice.revision) not in injectors:
        yield f"no injector serves {choice.label or choice.revision}"
    version = istiod.version or platform.versions[choice.revision]
    parsed = versions.parse(version)
    asked = settings.model_dump(include={key for key, *_ in OLDEST})
    for key, value, oldest, why in OLDEST:
        if asked[key] == value and parsed is not None and parsed[:2] < oldest:
            yield f"{istiod.name} is {version}; {why}"


def _no_gateway_api(settings: Settings) -> Iterator[str]:
    bundle = gateway_api_crds.of(settings.istio_version)
    address = bundle.address if bundle else "the standard-install.yaml of a release"
    yield (
        f"there is no CRD {gateway_api_crds.KNOWN_BY}: install the Kubernetes Gateway API, "
        f"`kubectl apply --server-side -f {address}`, or have the platform do it: `pulumi config "
        f"set routingApi gateway-api --stack {remedies.platform_of(settings)}`"
    )


def _taken(running: RunningMesh, settings: Settings) -> Iterator[str]:
    """List the app's namespace and host if they exist already and the stack doesn't own them."""
    ours = ownership.stack()
    part = running.namespaces.get(settings.bookinfo_namespace)
    if part is not None and (owner := running.owner(part)) != ours:
        if settings.adopt and owner is None:
            pulumi.log.warn(
                f"stack {ours} adopts {part}; a destroy of the stack leaves it, and "
                "takes back what the stack set there"
            )
        else:
            yield f"{part}, of stack {owner}" if owner else str(part)
    for namespace, host in sorted(running.hosts.items()):
        if host == settings.bookinfo_host and namespace != settings.bookinfo_namespace:
            yield f"host {host}, of stack {running.owners[namespace]} in namespace {namespace}"
