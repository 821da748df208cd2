"""Checks of VirtualServices: the hosts, subsets and Gateways that they name exist."""

from collections.abc import Iterator
from dataclasses import replace

from mesh.istio import gateway_names
from meshctl.verify.hosts import Destination, Hosts, destinations, full
from meshctl.verify.selection import labels_of, pods_of
from meshctl.verify.snapshot import Finding, Manifest, Snapshot, key, selector

CHECK = "route"
MESH = "mesh"
"""The Gateway's name that stands for all sidecars."""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Check each destination and each Gateway of every VirtualService."""
    hosts = Hosts.of(snapshot)
    subsets = _subsets(snapshot)
    gateways = {key(each) for each in snapshot.gateways}
    bad = []
    for route in snapshot.virtual_services:
        bad += _gateways(route, gateways)
        for destination in _each_once(route):
            bad += _destination(route, destination, hosts, subsets, snapshot)
    yield from bad
    if snapshot.virtual_services and not bad:
        count = len(snapshot.virtual_services)
        yield Finding(
            check=CHECK,
            subject=f"{count} VirtualService{'' if count == 1 else 's'}",
            status="ok",
            found="their hosts, subsets and Gateways exist",
        )


def _gateways(route: Manifest, known: set[str]) -> Iterator[Finding]:
    namespace = route["metadata"]["namespace"]
    for name in route["spec"].get("gateways") or ():
        if name == MESH:
            continue
        named = "/".join(gateway_names.full(name, namespace))
        if named not in known:
            yield _wrong(
                route,
                f"its Gateway {named} doesn't exist: no gateway has this route",
                f"name an existing Gateway, as NAMESPACE/NAME if it is in another namespace: "
                f"{_edit(route)}; they are: {', '.join(sorted(known)) or 'none'}",
            )


def _destination(
    route: Manifest,
    destination: Destination,
    hosts: Hosts,
    subsets: dict[tuple[str, str], dict[str, str]],
    snapshot: Snapshot,
) -> Iterator[Finding]:
    namespace = route["metadata"]["namespace"]
    host, subset = destination["host"], destination.get("subset")
    if not hosts.knows(host, namespace):
        finding = _wrong(
            route,
            f"host {full(host, namespace)} is no Service and no ServiceEntry: its requests get 503",
            f"correct the host, as NAME.NAMESPACE.svc.cluster.local if the Service is in another "
            f"namespace: {_edit(route)}",
        )
        elsewhere = f"{finding.found}, unless another cluster of the mesh has it"
        yield finding if hosts.is_whole else replace(finding, status="warning", found=elsewhere)
        return
    service = hosts.service(host, namespace)
    if not subset:
        return
    labels = subsets.get((full(host, namespace), subset))
    if labels is None:
        defined = sorted(name for of, name in subsets if of == full(host, namespace))
        yield _wrong(
            route,
            f"no DestinationRule defines subset {subset} of {host}: its requests get 503",
            f"define the subset, or name one of {', '.join(defined) or 'none'}: {_edit(route)}",
        )
    elif service is not None and not any(
        labels.items() <= labels_of(pod).items() for pod in pods_of(service, snapshot.pods)
    ):
        yield _wrong(
            route,
            f"no pod of {host} is in subset {subset} ({selector(labels)}): its requests get 503",
            f"deploy it, or send the requests to another subset: {_edit(route)}",
        )


def _subsets(snapshot: Snapshot) -> dict[tuple[str, str], dict[str, str]]:
    """Return the labels of each subset, by the full host and its name."""
    return {
        (full(rule["spec"]["host"], rule["metadata"]["namespace"]), subset["name"]): subset.get(
            "labels"
        )
        or {}
        for rule in snapshot.destination_rules
        for subset in rule["spec"].get("subsets") or ()
    }


def _each_once(route: Manifest) -> list[Destination]:
    return list({(each["host"], each.get("subset")): each for each in destinations(route)}.values())


def _edit(route: Manifest) -> str:
    metadata = route["metadata"]
    return (
        f"kubectl edit virtualservices.networking.istio.io {metadata['name']} "
        f"-n {metadata['namespace']}"
    )


def _wrong(route: Manifest, found: str, remedy: str) -> Finding:
    return Finding(check=CHECK, subject=key(route), status="wrong", found=found, remedy=remedy)
