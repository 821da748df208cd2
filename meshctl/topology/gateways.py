"""Ingress gateways: their pods, and the routes by which they lead to services."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from meshctl.topology import workloads
from meshctl.topology.objects import (
    Manifest,
    Objects,
    annotations_of,
    labels_of,
    name_of,
    namespace_of,
    selects,
)
from meshctl.topology.picture import Gateway
from meshctl.topology.routes import MESH
from meshctl.topology.security import Account

TEMPLATES = "inject.istio.io/templates"
"""Annotation of a pod template: with `gateway`, its proxy is a gateway's."""
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
    of_istio = _of_istio(objects, namespace)
    of_kubernetes = [
        _of_kubernetes(found, objects, namespace)
        for found in objects.gateways(kubernetes=True)
        if found["spec"].get("gatewayClassName") == INGRESS_CLASS
    ]
    missing = _without_gateway(objects, namespace)
    return sorted([*of_istio, *of_kubernetes, *missing], key=lambda entry: not entry.routes)


def is_gateway(deployment: Manifest) -> bool:
    """Return whether a Deployment's pods are gateways or waypoints."""
    template = deployment["spec"]["template"]
    return annotations_of(template).get(TEMPLATES) == "gateway" or OF_GATEWAY in labels_of(template)


def _of_istio(objects: Objects, namespace: str) -> Iterator[Entry]:
    """List the gateways of charts, and those that Gateways select and nobody has."""
    routes = [
        route
        for route in objects.of("VirtualService", namespace)
        if any(each != MESH for each in route["spec"].get("gateways") or ())
    ]
    ports = {_full(found): found for found in objects.gateways(kubernetes=False)}
    found: dict[tuple[str, str], Entry] = {}
    for deployment in objects.of("Deployment"):
        if is_gateway(deployment) and OF_GATEWAY not in workloads.labels(deployment):
            place = namespace_of(deployment), name_of(deployment)
            found[place] = Entry(
                gateway=Gateway(
                    name=place[1],
                    namespace=place[0],
                    problems=tuple(workloads.rollout(deployment, objects)),
                ),
                account=Account(namespace=place[0], name=workloads.account_of(deployment)),
            )
    labels = {
        (namespace_of(each), name_of(each)): workloads.labels(each)
        for each in objects.of("Deployment")
    }
    for route in routes:
        for full in _names(route):
            if full not in ports:
                place = full
                entry = Entry(
                    gateway=Gateway(name=full[1], namespace=full[0], problems=("no such Gateway",))
                )
                found.setdefault(place, entry)
                found[place] = _with(found[place], route, ports={})
                continue
            selector = ports[full]["spec"].get("selector") or {}
            places = [each for each in found if selects(selector, labels.get(each, {}))]
            for place in places or [_nobody(found, selector, objects)]:
                found[place] = _with(found[place], route, ports[full])
    yield from found.values()


def _nobody(
    found: dict[tuple[str, str], Entry], selector: Mapping[str, str], objects: Objects
) -> tuple[str, str]:
    """Add a gateway whose pods aren't there, by the labels that they would have."""
    name = ", ".join(f"{key}={value}" for key, value in selector.items())
    problems = ("no such pods",) if objects.is_live else ()
    gateway = Gateway(name=name, namespace="", is_elsewhere=not problems, problems=problems)
    found.setdefault(("", name), Entry(gateway=gateway))
    return "", name


def _with(entry: Entry, route: Manifest, ports: Manifest | Mapping[str, object]) -> Entry:
    """Return a gateway with one more route."""
    hosts = tuple(dict.fromkeys([*entry.gateway.hosts, *route["spec"].get("hosts", ())]))
    gateway = replace(entry.gateway, hosts=hosts)
    return replace(entry, gateway=gateway, routes=(*entry.routes, route))


def _names(route: Manifest) -> list[tuple[str, str]]:
    """List the Gateways of a VirtualService, each by namespace and name."""
    home = namespace_of(route)
    names = (each for each in route["spec"].get("gateways") or () if each != MESH)
    return [
        (place if slash else home, name if slash else place)
        for place, slash, name in (each.partition("/") for each in names)
    ]


def _of_kubernetes(found: Manifest, objects: Objects, namespace: str) -> Entry:
    """Return a Gateway of the Kubernetes Gateway API, whose proxy istiod deploys."""
    place = namespace_of(found), name_of(found)
    routes = tuple(
        route for route in objects.of("HTTPRoute", namespace) if place in _parents(route)
    )
    hosts = dict.fromkeys(host for route in routes for host in route["spec"].get("hostnames", ()))
    # istiod gives it and its ServiceAccount this name.
    name = f"{place[1]}-{INGRESS_CLASS}"
    return Entry(
        gateway=Gateway(
            name=place[1],
            namespace=place[0],
            hosts=tuple(hosts),
            problems=tuple(_unprogrammed(found, objects, name)),
        ),
        account=Account(namespace=place[0], name=name),
        routes=routes,
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
    for route in objects.of("HTTPRoute", namespace):
        for place in _parents(route):
            if place not in there:
                yield Entry(
                    gateway=Gateway(
                        name=place[1],
                        namespace=place[0],
                        hosts=tuple(route["spec"].get("hostnames") or ()),
                        is_elsewhere=not objects.is_live,
                        problems=("no such Gateway",) if objects.is_live else (),
                    ),
                    routes=(route,),
                )


def _full(found: Manifest) -> tuple[str, str]:
    return namespace_of(found), name_of(found)
