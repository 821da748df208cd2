"""Waypoints: the one that each Service uses, and the places where policies are enforced."""

from collections.abc import Iterator

from mesh.settings.labels import INGRESS_USE_WAYPOINT, NO_WAYPOINT, USE_WAYPOINT
from meshctl.manifests.manifest import labels_of
from meshctl.topology import workloads
from meshctl.topology.backends import Backend, Backends
from meshctl.topology.objects import Objects
from meshctl.topology.security import Target


def of(backend: Backend, objects: Objects) -> str:
    """Return the waypoint of a Service: its own, else its namespace's; empty without one."""
    namespace = backend.service["metadata"]["namespace"]
    own = labels_of(backend.service).get(USE_WAYPOINT)
    name = own or objects.labels_in(namespace).get(USE_WAYPOINT, "")
    return "" if name == NO_WAYPOINT else name


def is_for_ingress(backend: Backend) -> bool:
    """Return whether requests from gateways go through the Service's waypoint too."""
    return labels_of(backend.service).get(INGRESS_USE_WAYPOINT) == "true"


def targets(backend: Backend, backends: Backends, waypoint: str) -> list[Target]:
    """List where requests to a Service are checked: at its waypoint, and last at its pods."""
    first = next(iter(backend.deployments.values()), None)
    labels = workloads.labels(first) if first else backend.selector
    pods = Target(namespace=backends.namespace, labels=labels)
    if not waypoint:
        return [pods]
    services = (("Service", each) for each in backends.parts(backend))
    names = {("Gateway", waypoint), *services}
    return [
        Target(namespace=backends.namespace, labels={}, waypoint=waypoint, names=frozenset(names)),
        pods,
    ]


def problems(waypoint: str, backends: Backends) -> Iterator[str]:
    """Say what a waypoint lacks."""
    objects, namespace = backends.objects, backends.namespace
    if not waypoint:
        return
    if objects.get("Gateway", namespace, waypoint) is None:
        yield f"no waypoint {waypoint}"
    elif objects.is_live:
        deployment = objects.get("Deployment", namespace, waypoint)
        said = workloads.rollout(deployment, objects) if deployment else ["no Deployment"]
        yield from (f"waypoint {waypoint}: {each}" for each in said)
