"""The reader of a picture: what objects say about a mesh, whatever the settings say."""

from collections.abc import Sequence

from mesh.bookinfo.services import FRONT
from meshctl.manifests.manifest import name_of, namespace_of
from meshctl.topology import calls, gateways, outside, routes, security, waypoints, workloads
from meshctl.topology.backends import Backend, Backends
from meshctl.topology.gateways import Entry
from meshctl.topology.objects import Objects
from meshctl.topology.picture import ControlPlane, Picture, Service
from meshctl.topology.routes import Rules


def read(objects: Objects, namespace: str = "") -> Picture:
    """Return the picture of a namespace; without a name, of the one that has Bookinfo."""
    namespace = namespace or _home_of_front(objects)
    planes = workloads.control_planes(objects)
    backends = Backends.read(objects, namespace)
    entries = gateways.entries(objects, namespace)
    root = security.root_namespace(objects, planes)
    beyond = outside.read(objects, namespace)
    services = tuple(_service(each, backends, entries, planes, root) for each in backends.own())
    return Picture(
        namespace=namespace,
        gateways=tuple(entry.gateway for entry in entries),
        services=services,
        calls=tuple(calls.read(backends, entries, services, beyond, root)),
        control_planes=planes,
        outside=beyond,
    )


def _home_of_front(objects: Objects) -> str:
    found = (namespace_of(each) for each in objects.of("Service") if name_of(each) == FRONT)
    return next(found, "")


def _service(
    backend: Backend,
    backends: Backends,
    entries: Sequence[Entry],
    planes: Sequence[ControlPlane],
    root: str,
) -> Service:
    objects = backends.objects
    versions = tuple(
        workloads.version(deployment, version, objects, planes)
        for version, deployment in backend.deployments.items()
    )
    unanswered: list[str] = []

    def resolve(host: str, subset: str) -> Sequence[str]:
        """Return a destination's versions, and note a destination that has none."""
        found = backends.versions(backend, host, subset)
        if not found and backends.lacks(host, subset):
            name = subset or host.removesuffix(f".{backends.namespace}.svc.{objects.domain}")
            unanswered.append(f"a route leads to {name}, which has no pods")
        return found

    from_gateways = (
        routes.from_gateway(
            Rules.of(route, objects.domain), lambda host: backends.owner(host) == backend.name
        )
        for entry in entries
        for route in entry.routes
    )
    bound = next((each for each in from_gateways if each.rules), None)
    rules = bound or routes.within(objects, backends.namespace, backend.name)
    waypoint = waypoints.of(backend, objects)
    targets = waypoints.targets(backend, backends, waypoint)
    has_proxy = any(version.proxy.kind != "none" for version in versions)
    return Service(
        name=backend.name,
        mtls=security.mtls(objects, root, targets[-1]) if has_proxy else "none",
        versions=versions,
        routes=routes.routes(rules, list(backend.deployments), resolve),
        waypoint=waypoint,
        is_closed=any(security.is_closed(objects, root, target) for target in targets),
        problems=(
            *(() if versions else ("no Deployment",)),
            *dict.fromkeys(unanswered),
            *waypoints.problems(waypoint, backends),
        ),
    )
