"""Ingress gateways: their pods, and the routes by which they lead to services."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mesh.istio import gateway_names
from meshctl.manifests.hosts import service_of
from meshctl.manifests.manifest import (
    Manifest,
    annotations_of,
    labels_of,
    name_of,
    namespace_of,
)
from meshctl.manifests.selection import is_exported, selects
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.topology import workloads
from meshctl.topology.objects import Objects
from meshctl.topology.picture import Gateway
from meshctl.topology.routes import MESH, destinations
from meshctl.topology.security import Account

TEMPLATES = "inject.istio.io/templates"
"""Annotation of a pod template: with `gateway`, its proxy is a gateway's."""
ROUTER = "router"
"""Argument of a gateway's proxy, which istioctl and charts before 1.11 have in the template."""
OF_GATEWAY = "gateway.networking.k8s.io/gateway-name"
"""Label of pods and Services that istiod creates for a Gateway."""
WAYPOINT_CLASS = "istio-waypoint"
INGRESS_CLASS = "istio"
PROGRAMMED = "Programmed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A gateway, its account, and the routes that are bound to it."""

    gateway: Gateway
    account: Account | None = None
    """None when its pods aren't among the objects."""
    routes: tuple[Manifest, ...] = ()


def entries(objects: Objects, namespace: str) -> list[Entry]:
    """List the gateways, those with routes to services of a namespace first."""
    of_kubernetes = [
        _of_kubernetes(found, objects, namespace)
        for found in objects.gateways(kubernetes=True)
        if found["spec"].get("gatewayClassName") == INGRESS_CLASS
    ]
    found = [
        *_of_istio(objects, namespace),
        *of_kubernetes,
        *_without_gateway(objects, namespace),
    ]
    return sorted(map(_with_hosts, found), key=lambda entry: not entry.routes)


def _with_hosts(entry: Entry) -> Entry:
    """Return a gateway with the hosts of its routes."""
    specs = [route["spec"] for route in entry.routes]
    hosts = [host for spec in specs for host in spec.get("hosts") or spec.get("hostnames") or ()]
    return replace(entry, gateway=replace(entry.gateway, hosts=tuple(dict.fromkeys(hosts))))


def is_gateway(deployment: Manifest) -> bool:
    """Return whether a Deployment's pods are gateways or waypoints."""
    template = deployment["spec"]["template"]
    proxy = proxy_of(template.get("spec") or {}) or {}
    return (
        annotations_of(template).get(TEMPLATES) == "gateway"
        or OF_GATEWAY in labels_of(template)
        or ROUTER in (proxy.get("args") or ())
    )


def _of_istio(objects: Objects, namespace: str) -> Iterator[Entry]:
    """List the gateways of charts, and those that routes are bound to and that aren't there."""
    routes = [
        route for route in _of_interest("VirtualService", objects, namespace) if _names(route)
    ]
    selectors = {
        _full(found): found["spec"].get("selector") or {}
        for found in objects.gateways(kubernetes=False)
    }
    deployed = [
        each
        for each in objects.of("Deployment")
        if is_gateway(each) and OF_GATEWAY not in workloads.labels(each)
    ]
    for deployment in deployed:
        place, labels = _full(deployment), workloads.labels(deployment)
        chosen = {full for full, selector in selectors.items() if selects(selector, labels)}
        yield Entry(
            gateway=Gateway(
                namespace=place[0],
                name=place[1],
                problems=tuple(workloads.rollout(deployment, objects)),
            ),
            account=Account(namespace=place[0], name=workloads.account_of(deployment)),
            routes=tuple(
                route
                for route in routes
                if chosen & {*_names(route)} and is_exported(route, place[0])
            ),
        )
    for full in dict.fromkeys(full for route in routes for full in _names(route)):
        bound = tuple(route for route in routes if full in _names(route))
        if full not in selectors:
            yield Entry(gateway=_absent(*full, "no such Gateway", objects), routes=bound)
            continue
        selector = selectors[full]
        if not any(selects(selector, workloads.labels(each)) for each in deployed):
            name = ", ".join(f"{key}={value}" for key, value in selector.items())
            yield Entry(gateway=_absent("", name, "no such pods", objects), routes=bound)


def _absent(namespace: str, name: str, problem: str, objects: Objects) -> Gateway:
    """Return a gateway that isn't among the objects: in a cluster that is a problem."""
    return Gateway(
        namespace=namespace,
        name=name,
        is_elsewhere=not objects.is_live,
        problems=(problem,) if objects.is_live else (),
    )


def _names(route: Manifest) -> list[tuple[str, str]]:
    """List the Gateways of a VirtualService, each by namespace and name."""
    names = (each for each in route["spec"].get("gateways") or () if each != MESH)
    return [gateway_names.full(name, namespace_of(route)) for name in names]


def _of_kubernetes(found: Manifest, objects: Objects, namespace: str) -> Entry:
    """Return a Gateway of the Kubernetes Gateway API, whose proxy istiod deploys."""
    place = _full(found)
    # istiod gives its Deployment and its ServiceAccount this name.
    name = f"{place[1]}-{INGRESS_CLASS}"
    problems = tuple(_unprogrammed(found, objects, name))
    return Entry(
        gateway=Gateway(namespace=place[0], name=place[1], problems=problems),
        account=Account(namespace=place[0], name=name),
        routes=tuple(
            route
            for route in _of_interest("HTTPRoute", objects, namespace)
            if place in _parents(route)
        ),
    )


def _unprogrammed(found: Manifest, objects: Objects, name: str) -> Iterator[str]:
    """Say in a cluster what a Gateway lacks."""
    if not objects.is_live:
        return
    conditions = (found.get("status") or {}).get("conditions") or ()
    if not any(each["type"] == PROGRAMMED and each["status"] == "True" for each in conditions):
        yield "isn't programmed"
    if deployment := objects.get("Deployment", namespace_of(found), name):
        yield from workloads.rollout(deployment, objects)
    else:
        yield "no Deployment"


def _parents(route: Manifest) -> list[tuple[str, str]]:
    """List the Gateways of an HTTPRoute, each by namespace and name."""
    return [
        (each.get("namespace") or namespace_of(route), each["name"])
        for each in route["spec"].get("parentRefs") or ()
        if each.get("kind", "Gateway") == "Gateway"
    ]


def _without_gateway(objects: Objects, namespace: str) -> Iterator[Entry]:
    """List the Gateways that HTTPRoutes name and that aren't among the objects."""
    there = {_full(found) for found in objects.gateways(kubernetes=True)}
    routes = _of_interest("HTTPRoute", objects, namespace)
    for place in dict.fromkeys(place for route in routes for place in _parents(route)):
        if place not in there:
            bound = tuple(route for route in routes if place in _parents(route))
            yield Entry(gateway=_absent(*place, "no such Gateway", objects), routes=bound)


def _of_interest(kind: str, objects: Objects, namespace: str) -> list[Manifest]:
    """List the routes of a namespace, and those of others that lead to its services."""

    def leads_there(route: Manifest) -> bool:
        places = (service_of(host, objects.domain) for host in destinations(route, objects.domain))
        return namespace in (place[0] for place in places if place)

    return [
        each for each in objects.of(kind) if namespace_of(each) == namespace or leads_there(each)
    ]


def _full(found: Manifest) -> tuple[str, str]:
    return namespace_of(found), name_of(found)
