"""Waiting for a Service or an Ingress to have something behind it."""

from ..objects import Gvk, Object, gvk_of, name_of, namespace_of, pluck
from .informers import Event
from .session import Awaiter, Session, is_same

ENDPOINTS = Gvk("", "v1", "Endpoints")
SERVICE = Gvk("", "v1", "Service")
# Endpoints trickle in: each change starts a pause in which stragglers may come.
SETTLE_SECONDS = 10.0


class ServiceAwaiter(Awaiter):
    """A Service, until its endpoints have settled and a load balancer has its address."""

    def __init__(self, obj: Object) -> None:
        self.object = obj
        self._type = pluck(obj, "spec", "type") or "ClusterIP"
        self._seen = False
        self._settled = False
        self._endpoints: Object = {}
        self._session: Session | None = None

    def subscribe(self, session: Session) -> None:
        """Follow the Services and the Endpoints of the namespace."""
        self._session = session
        session.follow_own(self.object)
        session.follow(ENDPOINTS, namespace_of(self.object), "endpoints")

    def handle(self, event: Event) -> None:
        """Take in a new version of the Service or of its Endpoints."""
        if event.tag == "settled":
            self._settled = True
        elif event.tag == "own" and is_same(event.object, self.object):
            self._seen = event.kind != "DELETED"
            if self._seen:
                self.object = event.object
        elif event.tag == "endpoints" and name_of(event.object) == name_of(self.object):
            self._settled = False
            self._endpoints = {} if event.kind == "DELETED" else event.object
            if self._session:
                self._session.later(SETTLE_SECONDS, "settled")

    def settle(self) -> None:
        """Take what is there as settled: a refresh looks once."""
        self._settled = True

    def ready(self) -> bool:
        """Tell whether traffic can reach the Service's Pods."""
        if not self._waits_for_pods():
            return self._has_address()
        return self._has_address() and self._settled and not self._count("notReadyAddresses")

    def suffices(self) -> bool:
        """Tell whether it has an address and no endpoint is pending, settled or not."""
        return self._has_address() and not self._count("notReadyAddresses")

    def _has_address(self) -> bool:
        if not self._seen or self._type != "LoadBalancer":
            return self._seen
        return bool(pluck(self.object, "status", "loadBalancer", "ingress"))

    def _waits_for_pods(self) -> bool:
        return bool(pluck(self.object, "spec", "selector")) and not self._is_alias()

    def _is_alias(self) -> bool:
        headless = pluck(self.object, "spec", "clusterIP") == "None"
        return headless or self._type == "ExternalName"

    def _count(self, key: str) -> int:
        return sum(len(s.get(key) or []) for s in self._endpoints.get("subsets") or [])

    def status(self) -> str:
        """Say which step is next."""
        if self._settled and self._count("addresses"):
            return "[2/3] Attempting to allocate IP address to Service"
        return "[1/3] Finding Pods to direct traffic to"

    def reasons(self) -> list[str]:
        """List what is missing."""
        if self._is_alias():
            return []
        found = []
        if not self._count("addresses"):
            found.append(
                "Service does not target any Pods. Selected Pods may not be ready, or "
                "field '.spec.selector' may not match labels on any Pods"
            )
        if self._type == "LoadBalancer" and not self._has_address():
            found.append(
                "Service was not allocated an IP address; does your cloud provider support this?"
            )
        return found


class IngressAwaiter(Awaiter):
    """An Ingress, until its paths have Services and a controller gave it an address."""

    def __init__(self, obj: Object) -> None:
        self.object = obj
        self._known: set[str] = set()
        self._external: set[str] = set()
        self._settled = False
        self._seen = False
        self._session: Session | None = None

    def subscribe(self, session: Session) -> None:
        """Follow the Ingresses, Services and Endpoints of the namespace."""
        self._session = session
        session.follow_own(self.object)
        session.follow(ENDPOINTS, namespace_of(self.object), "endpoints")
        session.follow(SERVICE, namespace_of(self.object), "service")
        session.later(SETTLE_SECONDS, "settled")

    def handle(self, event: Event) -> None:
        """Take in a new version of the Ingress or of what it points at."""
        name, gone = name_of(event.object), event.kind == "DELETED"
        if event.tag == "settled":
            self._settled = True
        elif event.tag == "own" and is_same(event.object, self.object) and not gone:
            self._seen = True
            self.object = event.object
        elif event.tag == "endpoints":
            (self._known.discard if gone else self._known.add)(name)
            self._settled = False
            if self._session:
                self._session.later(SETTLE_SECONDS, "settled")
        elif event.tag == "service":
            external = pluck(event.object, "spec", "type") == "ExternalName" and not gone
            (self._external.add if external else self._external.discard)(name)

    def settle(self) -> None:
        """Take what is there as settled: a refresh looks once."""
        self._settled = True

    def _backends(self) -> set[str]:
        old = gvk_of(self.object).version == "v1beta1"
        paths = [
            path
            for rule in pluck(self.object, "spec", "rules") or []
            for path in pluck(rule, "http", "paths") or []
        ]
        keys = ("backend", "serviceName") if old else ("backend", "service", "name")
        return {name for path in paths if (name := pluck(path, *keys))}

    def _has_services(self) -> bool:
        # Once settled, a path without a Service is the user's affair.
        return self._settled or self._backends() <= self._known | self._external

    def _has_address(self) -> bool:
        return self._seen and bool(pluck(self.object, "status", "loadBalancer", "ingress"))

    def ready(self) -> bool:
        """Tell whether traffic can reach the paths' Services."""
        return self._has_address() and self._has_services()

    def status(self) -> str:
        """Say which step is next."""
        if self._has_services():
            return "[2/3] Waiting for update of .status.loadBalancer with hostname/IP"
        return "[1/3] Finding a matching service for each Ingress path"

    def reasons(self) -> list[str]:
        """List what is missing."""
        found = []
        if not self._has_services():
            found.append("Ingress has at least one rule with an unavailable target endpoint.")
        if not self._has_address():
            found.append(
                "Ingress .status.loadBalancer field was not updated with a hostname/IP address. "
                "\n    for more information about this error, see https://pulumi.io/xdv72s"
            )
        return found
