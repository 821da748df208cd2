"""Conflicts about HTTPS: ports with TLS, their certificates, and Bookinfo's host."""

from collections.abc import Iterator

from mesh.kubernetes import server_certificate
from mesh.settings.gateway import HTTPS_PORT, TLS, Gateway, Port
from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake

ONLY_WITH_CERTIFICATE = ("credentialName", "minProtocolVersion", "issuer")
"""Fields of tls that have no meaning where the gateway passes TLS through."""


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List conflicts of ports with TLS, of certificates, and of Bookinfo's host with them."""
    for index, gateway in enumerate(settings.gateways):
        for number, port in enumerate(gateway.ports or ()):
            for mistake in _port(settings, gateway, port):
                yield mistake.below("gateways", index, "ports", number)
    yield from _issuers(settings)
    yield from _certificates(settings)
    yield from _bookinfo(settings)


def ending(settings: Settings) -> Iterator[str]:
    """List warnings about certificates that end within 30 days."""
    for name, given in settings.gateway_certificates.items():
        certificate = given.read()
        if certificate and (end := certificate.ends_soon(server_certificate.now())):
            yield f"the certificate {name} in gatewayCertificates {end}: set its successor"


def idle_ports(settings: Settings) -> Iterator[str]:
    """List warnings about ports for HTTPS on which the stack itself serves nothing."""
    bookinfos = settings.ingress.https_port if settings.ingress else None
    for gateway in settings.gateways:
        for port in gateway.ports or ():
            at = f"port {port.name} of gateway {gateway.name}"
            if port.tls is None and port.name.partition("-")[0] in ("https", "tls"):
                yield f"{at} has no tls, so nothing is served there: set it, or drop the port"
            elif port.is_https and port is not bookinfos and settings.routing_api == "istio":
                yield (
                    f"{at} isn't used by Bookinfo, which uses the first port with a certificate of "
                    "the first ingress gateway: it serves only what other Gateway objects say"
                )


def _port(settings: Settings, gateway: Gateway, port: Port) -> Iterator[Mistake]:
    if port.https_redirect and not port.is_http:
        rule = "is for plain HTTP: the port's name must begin with http, http2 or grpc"
        yield Mistake(("httpsRedirect",), rule, port.name)
    elif port.https_redirect and gateway.https_port is None:
        rule = "needs a port with tls on the same gateway, to redirect to"
        yield Mistake(("httpsRedirect",), rule, port.https_redirect)
    elif (
        port.https_redirect
        and settings.routing_api == "istio"
        and gateway.https_port
        and gateway.https_port.port != HTTPS_PORT
    ):
        rule = (
            f"needs HTTPS on port {HTTPS_PORT}, where Istio's redirect leads: set that port with "
            f"targetPort {gateway.https_port.port}, or routingApi gateway-api"
        )
        yield Mistake(("httpsRedirect",), rule, gateway.https_port.port)
    elif port.https_redirect and port.name != gateway.redirects:
        rule = "is for the gateway's first port with plain HTTP, which Bookinfo is reached by"
        yield Mistake(("httpsRedirect",), rule, port.name)
    if port.tls is None:
        return
    for mistake in _tls(settings, port.tls):
        yield mistake.below("tls")
    prefix = "https" if port.is_https else "tls"
    if port.name.partition("-")[0] != prefix:
        rule = f"must begin with {prefix}, with tls.mode {port.tls.mode}"
        yield Mistake(("name",), rule, port.name)
    if port.protocol != "TCP":
        yield Mistake(("protocol",), "must be TCP with tls", port.protocol)
    if gateway.direction == "egress":
        yield Mistake(("tls",), "is for an ingress gateway", gateway.direction)


def _tls(settings: Settings, tls: TLS) -> Iterator[Mistake]:
    if tls.mode == "PASSTHROUGH":
        given = tls.model_dump(by_alias=True, exclude_none=True)
        for field in ONLY_WITH_CERTIFICATE:
            if field in given:
                rule = "can't be set with mode PASSTHROUGH, where the service has the certificate"
                yield Mistake((field,), rule, given[field])
        return
    if tls.credential_name is None:
        yield Mistake(
            ("credentialName",),
            "must be set: the name of the Secret with the certificate, in the gateway's namespace",
        )
        return
    if settings.routing_api == "gateway-api" and tls.min_protocol_version:
        rule = "isn't known to routingApi gateway-api (istiod accepts TLSV1_2 and newer): drop it"
        yield Mistake(("minProtocolVersion",), rule, tls.min_protocol_version)
    given = settings.gateway_certificates.get(tls.credential_name)
    if tls.issuer is not None and given is not None:
        rule = f"can't be set: mesh:gatewayCertificates has {tls.credential_name} already"
        yield Mistake(("issuer",), rule, tls.issuer.name)
    if tls.issuer is not None and tls.mode != "SIMPLE":
        rule = f"can't be set with mode {tls.mode}: cert-manager's ca.crt isn't your clients' CA"
        yield Mistake(("issuer",), rule, tls.issuer.name)
    if tls.issuer is not None and not tls.issuer.dns_names and settings.mode == "platform":
        yield Mistake(
            ("issuer", "dnsNames"),
            "must be set with mesh:mode platform, such as *.example.com: its app stacks have hosts "
            "of their own",
        )
    if given is not None and given.ca_crt is None and tls.mode != "SIMPLE":
        yield Mistake(
            ("mode",),
            f"needs the clients' CA: mesh:gatewayCertificates has no ca.crt of "
            f"{tls.credential_name}",
            tls.mode,
        )


def _issuers(settings: Settings) -> Iterator[Mistake]:
    """List Secrets that two ports want from different issuers, or one of them from none."""
    first: dict[tuple[str, str], TLS] = {}
    for index, gateway in enumerate(settings.gateways):
        for number, port in enumerate(gateway.ports or ()):
            if port.tls is None or port.tls.credential_name is None:
                continue
            key = settings.namespace_of(gateway), port.tls.credential_name
            if first.setdefault(key, port.tls).issuer != port.tls.issuer:
                rule = f"must be that of the other port with credentialName {key[1]}"
                yield Mistake(("gateways", index, "ports", number, "tls", "issuer"), rule)


def _certificates(settings: Settings) -> Iterator[Mistake]:
    used = {name for gateway in settings.gateways for name in gateway.credential_names}
    for name, given in settings.gateway_certificates.items():
        path = ("gatewayCertificates", name)
        try:
            certificate = given.read()
        except ValueError as error:
            yield Mistake(path, str(error))
            continue
        is_idle = name not in {*used, settings.bookinfo_credential_name}
        if settings.mode == "standalone" and certificate and is_idle:
            rule = (
                "is named by no tls.credentialName of gateways, nor by bookinfoCredentialName: "
                "name it in one of them, or drop it"
            )
            yield Mistake(path, rule)
        host = settings.host_served_with(name)
        for fault in certificate.faults(host, server_certificate.now()) if certificate else ():
            yield Mistake(path, fault)


def _served(settings: Settings) -> Iterator[Mistake]:
    """List conflicts of Bookinfo's host with issued names, and with the clients' CA."""
    ingress, own = settings.ingress, settings.bookinfo_credential_name
    port = ingress.https_port if ingress else None
    if ingress is None or port is None or port.tls is None:
        return
    tls, host = port.tls, settings.bookinfo_host
    if tls.issuer and not own and not server_certificate.covers(settings.dns_names_of(tls), host):
        number = (ingress.ports or ()).index(port)
        path = ("gateways", settings.gateways.index(ingress), "ports", number, "tls", "issuer")
        rule = f"must hold bookinfoHost, {host}"
        yield Mistake((*path, "dnsNames"), rule, list(tls.issuer.dns_names))
    given = settings.gateway_certificates.get(own or "")
    if own and given is not None and given.ca_crt is None and tls.mode != "SIMPLE":
        rule = f"must be set: the gateway's port has tls.mode {tls.mode}"
        yield Mistake(("gatewayCertificates", own, "ca.crt"), rule)


def _bookinfo(settings: Settings) -> Iterator[Mistake]:
    """List conflicts of Bookinfo's host with the gateway's port for HTTPS."""
    own = settings.bookinfo_credential_name
    if settings.mode == "platform":
        return
    if settings.mode == "standalone":
        yield from _served(settings)
    if own and settings.routing_api == "gateway-api":
        rule = "can't be set with routingApi gateway-api: the listener has the certificate"
        yield Mistake(("bookinfoCredentialName",), rule, own)
    elif own and settings.bookinfo_credential is None:
        rule = "needs a port with tls at the ingress gateway (docs/https.md)"
        yield Mistake(("bookinfoCredentialName",), rule, own)
    contract = settings.platform_contract
    gateway = contract.gateway if contract else None
    https = gateway.https if gateway else None
    if gateway is None or https is None or own or not https.dns_names:
        return
    if not server_certificate.covers(https.dns_names, settings.bookinfo_host):
        yield Mistake(
            ("bookinfoHost",),
            f"isn't in the certificate of the platform's gateway, for {', '.join(https.dns_names)}:"
            " give Bookinfo such a host, or set bookinfoCredentialName to a Secret beside the "
            f"gateway, in namespace {gateway.namespace}",
            settings.bookinfo_host,
        )
