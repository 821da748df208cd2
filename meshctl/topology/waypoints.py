"""Waypoints: the one that each Service uses, and the places where policies are enforced."""

from collections.abc import Iterator

from mesh.settings.labels import INGRESS_USE_WAYPOINT, NO_WAYPOINT, USE_WAYPOINT
from meshctl.manifests.manifest import labels_of, namespace_of
from meshctl.topology import workloads
from meshctl.topology.backends import Backend, Backends
from meshctl.topology.objects import Objects
from meshctl.topology.security import Account, Target

HOME = "istio.io/use-waypoint-namespace"
"""Label beside USE_WAYPOINT: the namespace of the waypoint, if it is another one."""


def of(backend: Backend, objects: Objects) -> str:
    """Return the waypoint of a Service: its own, else its namespace's; empty without one.

    One of another namespace has it before its name.
    """
    namespace = namespace_of(backend.service)
    for labels in (labels_of(backend.service), objects.labels_in(namespace)):
        if name := labels.get(USE_WAYPOINT):
            home = labels.get(HOME, namespace)
            place = name if home == namespace else f"{home}/{name}"
            return "" if name == NO_WAYPOINT else place
    return ""


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
    home, name = _place(waypoint, backends)
    names = {("Service", each) for each in backends.parts(backend)}
    if home == backends.namespace:
        names.add(("Gateway", name))
    return [
        Target(
            namespace=backends.namespace,
            labels={},
            waypoint=Account(namespace=home, name=name),
            names=frozenset(names),
        ),
        pods,
    ]


def problems(waypoint: str, backends: Backends) -> Iterator[str]:
    """Say what a waypoint lacks."""
    objects = backends.objects
    if not waypoint:
        return
    home, name = _place(waypoint, backends)
    if objects.get("Gateway", home, name) is None:
        # Only a cluster has the objects of other namespaces.
        if objects.is_live or home == backends.namespace:
            yield f"no waypoint {waypoint}"
    elif objects.is_live:
        deployment = objects.get("Deployment", home, name)
        said = workloads.rollout(deployment, objects) if deployment else ["no Deployment"]
        yield from (f"waypoint {waypoint}: {each}" for each in said)


def _place(waypoint: str, backends: Backends) -> tuple[str, str]:
    """Return a waypoint's namespace and name."""
    home, _, name = waypoint.rpartition("/")
    return home or backends.namespace, name
