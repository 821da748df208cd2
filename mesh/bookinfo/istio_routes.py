"""Bookinfo's routes in Istio's own API."""

from collections.abc import Sequence

from mesh.bookinfo.services import FRONT, PAGES, PORT, VERSIONS, Versions
from mesh.istio.api.networking import (
    Abort,
    Delay,
    Destination,
    DestinationRule,
    DestinationRuleSpec,
    Fault,
    Gateway,
    GatewaySpec,
    HTTPRoute,
    Match,
    Percent,
    Port,
    PortSelector,
    Server,
    ServerTLS,
    StringMatch,
    Subset,
    VirtualService,
    VirtualServiceSpec,
    WeightedDestination,
)
from mesh.settings import traffic_plan
from mesh.settings.platform_contract import IngressGateway
from mesh.settings.traffic_plan import Plan, Rule

GATEWAY = "bookinfo-gateway"


def gateway(
    namespace: str, host: str, ingress: IngressGateway, credential_name: str | None = None
) -> Gateway:
    """Return the Gateway that accepts requests for the host on the ports of the gateway's Service.

    `credential_name` is the Secret with the host's own certificate; None = the port's.
    """
    servers = []
    https = ingress.https
    if ingress.port is not None:
        port = Port(number=ingress.port, name="http", protocol="HTTP")
        redirect = ServerTLS(https_redirect=True) if https and https.redirect_from else None
        servers.append(Server(port=port, hosts=[host], tls=redirect))
    if https is not None:
        tls = ServerTLS(
            mode=https.mode,
            credential_name=credential_name or https.credential_name,
            min_protocol_version=https.min_protocol_version,
        )
        port = Port(number=https.port, name="https", protocol="HTTPS")
        servers.append(Server(port=port, hosts=[host], tls=tls))
    spec = GatewaySpec(selector=ingress.selector, servers=servers)
    return Gateway(name=GATEWAY, namespace=namespace, spec=spec)


def destination_rules(namespace: str, versions: Versions) -> list[DestinationRule]:
    """Return the DestinationRule of each service, with a subset for each version."""
    return [
        DestinationRule(
            name=service,
            namespace=namespace,
            spec=DestinationRuleSpec(
                host=service,
                subsets=[
                    Subset(name=version, labels={"version": version})
                    for version in versions[service]
                ],
            ),
        )
        for service in VERSIONS
    ]


def virtual_services(
    namespace: str, host: str, plan: Plan, *, inside_mesh: bool = True
) -> list[VirtualService]:
    """Return the routes from the gateway to productpage, and within the mesh by the plan."""
    planned = {service: traffic_plan.rules(plan, service) for service in VERSIONS}
    pages = [
        StringMatch(exact=path) if kind == "exact" else StringMatch(prefix=path)
        for kind, path in PAGES
    ]
    entry = VirtualServiceSpec(
        hosts=[host],
        gateways=[GATEWAY],
        http=[
            _route(FRONT, rule, uris=pages, port=PortSelector(number=PORT))
            for rule in planned[FRONT] or [Rule()]
        ],
    )
    inside = {
        service: VirtualServiceSpec(hosts=[service], http=[_route(service, rule) for rule in rules])
        for service, rules in planned.items()
        if rules and inside_mesh
    }
    return [
        VirtualService(name=name, namespace=namespace, spec=spec)
        for name, spec in {"bookinfo": entry, **inside}.items()
    ]


def _route(
    service: str,
    rule: Rule,
    *,
    uris: Sequence[StringMatch] = (),
    port: PortSelector | None = None,
) -> HTTPRoute:
    headers = {name: StringMatch(exact=value) for name, value in rule.headers.items()} or None
    matches = [Match(uri=uri, headers=headers) for uri in uris]
    if headers and not uris:
        matches = [Match(headers=headers)]
    shares = rule.to or {None: 100}
    return HTTPRoute(
        match=matches or None,
        fault=_fault(rule),
        route=[
            WeightedDestination(
                destination=Destination(host=service, subset=version, port=port),
                weight=weight if len(shares) > 1 else None,
            )
            for version, weight in shares.items()
        ],
        mirror=Destination(host=service, subset=rule.mirror.to) if rule.mirror else None,
        mirror_percentage=Percent(value=rule.mirror.percent) if rule.mirror else None,
    )


def _fault(rule: Rule) -> Fault | None:
    if not rule.delay and not rule.abort:
        return None
    delay, abort = rule.delay, rule.abort
    return Fault(
        delay=Delay(percentage=Percent(value=delay.percent), fixed_delay=delay.fixed_delay)
        if delay
        else None,
        abort=Abort(percentage=Percent(value=abort.percent), http_status=abort.http_status)
        if abort
        else None,
    )
