"""Checks of VirtualServices: the hosts, subsets and Gateways that they name exist."""

from collections.abc import Iterator, Mapping, Sequence

from mesh.istio import gateway_names
from meshctl.manifests.hosts import covers
from meshctl.manifests.manifest import Manifest, key, labels_of
from meshctl.manifests.selection import pods_of, selects
from meshctl.verify.hosts import Destination, Hosts, destinations, elsewhere
from meshctl.verify.snapshot import Finding, Snapshot, selector

CHECK = "route"
MESH = "mesh"
"""The Gateway's name that stands for all sidecars."""
Subsets = Mapping[str, Sequence[tuple[str, Mapping[str, str]]]]
"""By a subset's name the hosts that have it, some with a wildcard, and the labels of its pods."""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Check each destination and each Gateway of every VirtualService."""
    hosts = Hosts.of(snapshot)
    subsets = _subsets(snapshot, hosts)
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
    subsets: Subsets,
    snapshot: Snapshot,
) -> Iterator[Finding]:
    namespace = route["metadata"]["namespace"]
    host, subset = destination["host"], destination.get("subset")
    whole = hosts.full(host, namespace)
    if not hosts.knows(host, namespace):
        finding = _wrong(
            route,
            f"host {whole} is no Service and no ServiceEntry: its requests get 503",
            f"correct the host, as NAME.NAMESPACE.svc.{hosts.domain} if the Service is in "
            f"another namespace: {_edit(route)}",
        )
        yield elsewhere(finding, is_whole=hosts.is_whole)
        return
    if not subset:
        return
    defined = [
        (name, labels)
        for name, ruled in subsets.items()
        for pattern, labels in ruled
        if covers(pattern, whole)
    ]
    chosen = [labels for name, labels in defined if name == subset]
    service = hosts.service(host, namespace)
    if not chosen:
        names = ", ".join(sorted({name for name, _ in defined})) or "none"
        yield _wrong(
            route,
            f"no DestinationRule defines subset {subset} of {host}: its requests get 503",
            f"define the subset, or name one of {names}: {_edit(route)}",
        )
    # Without a selector somebody else says what its endpoints are.
    elif service and service["spec"].get("selector"):
        there = [labels_of(pod) for pod in pods_of(service, snapshot.pods)]
        if not any(selects(labels, pod) for labels in chosen for pod in there):
            finding = _wrong(
                route,
                f"no pod of {host} is in subset {subset} ({selector(chosen[0])}): its requests get "
                "503",
                f"deploy it, or send the requests to another subset: {_edit(route)}",
            )
            yield elsewhere(finding, is_whole=hosts.is_whole)


def _subsets(snapshot: Snapshot, hosts: Hosts) -> Subsets:
    """Return by each subset's name the hosts that have it, and the labels of its pods."""
    found: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
    for rule in snapshot.destination_rules:
        host = hosts.full(rule["spec"]["host"], rule["metadata"]["namespace"])
        for subset in rule["spec"].get("subsets") or ():
            found.setdefault(subset["name"], []).append((host, subset.get("labels") or {}))
    return found


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
