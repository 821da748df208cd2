"""Bookinfo's routes in the Kubernetes Gateway API; the API has no fault injection."""

from collections.abc import Iterable, Sequence

from mesh.bookinfo.services import FRONT, PAGES, PORT, VERSIONS
from mesh.istio.api.gateway_api import (
    BackendRef,
    Filter,
    HeaderMatch,
    HTTPRoute,
    HTTPRouteSpec,
    Match,
    ParentRef,
    PathMatch,
    RequestMirror,
    RequestRedirect,
)
from mesh.istio.api.gateway_api import Rule as HTTPRule
from mesh.settings import traffic_plan
from mesh.settings.platform_contract import HTTPS, IngressGateway
from mesh.settings.traffic_plan import Plan, Rule

MOVED_PERMANENTLY = 301


def http_routes(namespace: str, host: str, ingress: IngressGateway, plan: Plan) -> list[HTTPRoute]:
    """Return the routes from the Gateway to productpage, and within the mesh by the plan."""
    rules = traffic_plan.rules(plan, FRONT) or [Rule()]
    pages = [
        PathMatch(type="Exact" if kind == "exact" else "PathPrefix", value=path)
        for kind, path in PAGES
    ]
    https = ingress.https
    only = https.name if https and https.redirect_from else None
    entry = HTTPRouteSpec(
        parent_refs=[_listener(ingress, only)],
        hostnames=[host],
        rules=[_rule(FRONT, rule, paths=pages) for rule in rules],
    )
    specs = {"bookinfo": entry}
    if https is not None and https.redirect_from:
        specs["bookinfo-redirect"] = _redirect(host, ingress, https)
    return [
        *(HTTPRoute(name=name, namespace=namespace, spec=spec) for name, spec in specs.items()),
        *service_routes(namespace, plan),
    ]


def service_routes(
    namespace: str, plan: Plan, services: Iterable[str] = VERSIONS
) -> list[HTTPRoute]:
    """Return the routes within the mesh, each of a service: sidecars or waypoints apply them."""
    planned = {service: traffic_plan.rules(plan, service) for service in services}
    return [
        HTTPRoute(
            name=service,
            namespace=namespace,
            spec=HTTPRouteSpec(
                parent_refs=[ParentRef(group="", kind="Service", name=service, port=PORT)],
                rules=[_rule(service, rule) for rule in rules],
            ),
        )
        for service, rules in planned.items()
        if rules
    ]


def _listener(ingress: IngressGateway, name: str | None) -> ParentRef:
    """Return the reference to one listener of the Gateway, or to all."""
    return ParentRef(name=ingress.name, namespace=ingress.namespace, section_name=name)


def _redirect(host: str, ingress: IngressGateway, https: HTTPS) -> HTTPRouteSpec:
    """Return the route of plain HTTP, which sends each client to HTTPS."""
    redirect = RequestRedirect(scheme="https", port=https.port, status_code=MOVED_PERMANENTLY)
    return HTTPRouteSpec(
        parent_refs=[_listener(ingress, https.redirect_from)],
        hostnames=[host],
        rules=[HTTPRule(filters=[Filter(type="RequestRedirect", request_redirect=redirect)])],
    )


def version_service(service: str, version: str) -> str:
    """Return the name of one version's Service: a route's backend is a whole Service."""
    return f"{service}-{version}"


def _rule(service: str, rule: Rule, *, paths: Sequence[PathMatch] = ()) -> HTTPRule:
    headers = [HeaderMatch(name=name, value=value) for name, value in rule.headers.items()] or None
    matches = [Match(path=path, headers=headers) for path in paths]
    if headers and not paths:
        matches = [Match(headers=headers)]
    shares = (
        {version_service(service, version): weight for version, weight in rule.to.items()}
        if rule.to
        else {service: 100}
    )
    return HTTPRule(
        matches=matches or None,
        filters=[
            Filter(
                type="RequestMirror",
                request_mirror=RequestMirror(
                    backend_ref=BackendRef(
                        name=version_service(service, rule.mirror.to), port=PORT
                    ),
                    percent=rule.mirror.percent,
                ),
            )
        ]
        if rule.mirror
        else None,
        backend_refs=[
            BackendRef(name=name, port=PORT, weight=weight if len(shares) > 1 else None)
            for name, weight in shares.items()
        ],
    )
