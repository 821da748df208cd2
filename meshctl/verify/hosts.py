"""Hosts that routes and rules name, and the Services and ServiceEntries that they stand for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshctl.verify.snapshot import Manifest, Snapshot, key

CLUSTER, UNNAMED = "CLUSTER_ID", "Kubernetes"
"""istiod's variable with its cluster's name, and the name that Istio gives an only one."""
Destination = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """The hosts that proxies know."""

    services: Mapping[str, Manifest]
    entries: Sequence[str]
    """The hosts of the ServiceEntries, some with a wildcard."""
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
            is_whole=bool(names := _cluster_names(snapshot.deployments)) and names <= {UNNAMED},
        )

    def service(self, host: str, namespace: str) -> Manifest | None:
        """Return the Service of a host that an object of a namespace names."""
        name, _, rest = full(host, namespace).partition(".")
        home, _, domain = rest.partition(".")
        return self.services.get(f"{home}/{name}") if domain.startswith("svc") else None

    def knows(self, host: str, namespace: str) -> bool:
        """Return whether there is a Service or a ServiceEntry for it."""
        return self.service(host, namespace) is not None or any(
            covers(entry, host) for entry in self.entries
        )


def full(host: str, namespace: str) -> str:
    """Return a host as Istio completes it: only one without a dot is a Service's short name."""
    is_short = "." not in host and "*" not in host
    return f"{host}.{namespace}.svc.cluster.local" if is_short else host


def covers(pattern: str, host: str) -> bool:
    """Return whether a host, which may have a wildcard, includes another."""
    return pattern == host or (pattern.startswith("*") and host.endswith(pattern[1:]))


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


def _cluster_names(deployments: Sequence[Manifest]) -> set[str]:
    """Return the names that istiods have for their cluster."""
    return {
        next(
            (
                variable.get("value", UNNAMED)
                for variable in container.get("env") or ()
                if variable["name"] == CLUSTER
            ),
            UNNAMED,
        )
        for deployment in deployments
        for container in deployment["spec"]
        .get("template", {})
        .get("spec", {})
        .get("containers", ())
        if container["name"] == "discovery"
    }
