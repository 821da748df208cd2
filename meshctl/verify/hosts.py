"""Hosts that routes and rules name: those that proxies know, and where requests are sent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from meshctl.manifests import hosts, istiod
from meshctl.manifests.manifest import Manifest, key
from meshctl.verify.snapshot import Finding, Snapshot

CLUSTER, UNNAMED = "CLUSTER_ID", "Kubernetes"
"""istiod's variable with its cluster's name, and the name that Istio gives an only one."""
Destination = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """The hosts that proxies know."""

    services: Mapping[str, Manifest]
    entries: Sequence[str]
    """The hosts of the ServiceEntries, some with a wildcard."""
    domain: str
    """The DNS domain of the cluster's Services."""
    is_whole: bool = True
    """Whether these are all: istiod takes Services from other clusters of the mesh, too, and an
    istiod that isn't seen may be in another one."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Hosts":
        """Return those of a cluster."""
        return cls(
            services={key(each): each for each in snapshot.services},
            entries=[
                host
                for each in snapshot.service_entries
                for host in each["spec"].get("hosts") or ()
            ],
            domain=istiod.domain(snapshot.deployments),
            is_whole=is_whole(snapshot),
        )

    def full(self, host: str, namespace: str) -> str:
        """Return a host that an object of a namespace names, as Istio completes it."""
        return hosts.full(host, namespace, self.domain)

    def service(self, host: str, namespace: str) -> Manifest | None:
        """Return the Service of a host that an object of a namespace names."""
        place = hosts.service_of(self.full(host, namespace), self.domain)
        return self.services.get("/".join(place)) if place else None

    def knows(self, host: str, namespace: str) -> bool:
        """Return whether there is a Service or a ServiceEntry for it."""
        whole = self.full(host, namespace)
        return self.service(host, namespace) is not None or any(
            hosts.covers(entry, whole) for entry in self.entries
        )


def is_whole(snapshot: Snapshot) -> bool:
    """Return whether the mesh is this cluster only, as its istiods say."""
    names = {
        istiod.variable(each, CLUSTER, otherwise=UNNAMED)
        for each in istiod.containers(snapshot.deployments)
    }
    return names == {UNNAMED}


def elsewhere(finding: Finding, *, is_whole: bool) -> Finding:
    """Return a finding, as a warning only where another cluster may have what is missed."""
    if is_whole:
        return finding
    found = f"{finding.found}, unless another cluster of the mesh has it"
    return replace(finding, status="warning", found=found)


def destinations(virtual_service: Manifest) -> Iterator[Destination]:
    """List where a VirtualService sends requests, copies of requests included."""
    spec = virtual_service["spec"]
    for protocol in ("http", "tls", "tcp"):
        for rule in spec.get(protocol) or ():
            routes = rule.get("route") or ()
            # Of several, one without a weight gets no requests: a canary that hasn't begun.
            asked = [each for each in routes if len(routes) == 1 or each.get("weight")]
            targets = [*asked, *(rule.get("mirrors") or ())]
            yield from (each["destination"] for each in targets if "destination" in each)
            if mirror := rule.get("mirror"):
                yield mirror
