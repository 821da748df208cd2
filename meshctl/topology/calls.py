"""Calls: who sends requests to which service, and why some are refused."""

from collections.abc import Iterator, Sequence

from mesh.bookinfo.services import MICROSERVICES, row
from meshctl.manifests.hosts import covers
from meshctl.topology import routes, security, waypoints, workloads
from meshctl.topology.backends import Backends
from meshctl.topology.gateways import Entry
from meshctl.topology.picture import Call, Outside, Service
from meshctl.topology.security import Account

SILENT = frozenset({("reviews", "v1")})
"""Versions that don't call what their service calls: reviews v1 has no stars to ask for."""
CALLED = {
    (service.name, version): row(service, version).calls
    for service in MICROSERVICES
    for version in ("v1", "v2", "v3", "v2-mysql")
    if (service.name, version) not in SILENT
}
"""The services that each version calls: objects don't say that."""


def read(
    backends: Backends,
    entries: Sequence[Entry],
    services: Sequence[Service],
    beyond: Sequence[Outside],
    root: str,
) -> Iterator[Call]:
    """List the calls of gateways by their routes, and those of Bookinfo's versions."""
    drawn = {service.name: service for service in services}
    for entry in entries:
        hosts = [
            host
            for route in entry.routes
            for host in routes.destinations(route, backends.objects.domain)
        ]
        for name in dict.fromkeys(map(backends.owner, hosts)):
            if name:
                refusal = _refusal(drawn[name], entry.account, backends, root, is_ingress=True)
                yield Call(caller=entry.gateway.full_name, service=name, refusal=refusal)
        if any(covers(each.host, host) for each in beyond for host in hosts):
            yield Call(caller=entry.gateway.full_name, service="")
    for caller in backends.own():
        for version, deployment in caller.deployments.items():
            for name in CALLED.get((caller.name, version), ()):
                if name in drawn:
                    proxies = {each.name: each.proxy for each in drawn[caller.name].versions}
                    account = Account(
                        namespace=backends.namespace, name=workloads.account_of(deployment)
                    )
                    yield Call(
                        caller=caller.name,
                        version=version,
                        service=name,
                        refusal=_plain_text(drawn[name], proxies[version].kind)
                        or _refusal(drawn[name], account, backends, root),
                    )


def _plain_text(service: Service, proxy: str) -> str:
    """Say that a caller without a proxy can't speak the mutual TLS that a service insists on."""
    return "plain text, and mTLS is strict" if proxy == "none" and service.mtls == "strict" else ""


def _refusal(
    service: Service,
    caller: Account | None,
    backends: Backends,
    root: str,
    *,
    is_ingress: bool = False,
) -> str:
    """Return why policies refuse a caller, at a waypoint or at the pods behind it."""
    backend = backends.by_name[service.name]
    if caller is None:
        return ""
    waypoint = service.waypoint
    if is_ingress and not waypoints.is_for_ingress(backend):
        waypoint = ""  # its requests go to the pods
    for target in waypoints.targets(backend, backends, waypoint):
        if found := security.refusal(backends.objects, root, target, caller):
            return found
        if target.waypoint:  # the pods know the waypoint only
            caller = target.waypoint
    return ""
