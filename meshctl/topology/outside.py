"""Hosts outside the mesh: those that ServiceEntries make known to it."""

from collections.abc import Iterator

from meshctl.manifests.hosts import covers, service_of
from meshctl.manifests.manifest import Manifest, created, namespace_of
from meshctl.manifests.selection import is_exported
from meshctl.topology.objects import Objects
from meshctl.topology.picture import Outside

INSIDE = "MESH_INTERNAL"
"""The location of a ServiceEntry for workloads of the mesh, such as virtual machines."""


def read(objects: Objects, namespace: str) -> tuple[Outside, ...]:
    """List the hosts that a namespace's proxies know, those of the namespace first."""
    seen = [
        each
        for each in objects.of("ServiceEntry")
        if is_exported(each, namespace) and each["spec"].get("location") != INSIDE
    ]
    seen.sort(key=lambda each: (namespace_of(each) != namespace, created(each)))
    found = [
        Outside(host=host, ports=tuple(_ports(each)))
        for each in seen
        for host in each["spec"].get("hosts") or ()
    ]
    return tuple({each.host: each for each in reversed(found)}.values())[::-1]


def is_known(objects: Objects, host: str) -> bool:
    """Return whether a full host is a Service's or a ServiceEntry's."""
    place = service_of(host, objects.domain)
    if place is not None and objects.get("Service", *place):
        return True
    entries = (each["spec"].get("hosts") or () for each in objects.of("ServiceEntry"))
    return any(covers(each, host) for hosts in entries for each in hosts)


def _ports(entry: Manifest) -> Iterator[str]:
    for port in entry["spec"].get("ports") or ():
        yield f"{port.get('protocol', 'TCP')} {port['number']}"
