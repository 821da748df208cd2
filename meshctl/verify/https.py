"""Check of HTTPS: the certificate that each gateway serves, read by a handshake."""

import socket
import ssl
from collections.abc import Iterator

from mesh.kubernetes import server_certificate
from mesh.settings.gateway import Gateway, Port
from mesh.settings.schema import Settings
from meshctl.manifests.manifest import key
from meshctl.verify.gateways import address_of
from meshctl.verify.snapshot import Finding, Snapshot, Status

PATIENCE = 5
"""Seconds for a handshake; a load balancer that drops packets would take minutes."""


def check(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """Ask each port that has a certificate of its own for it, as a client would."""
    services = {key(service): service for service in snapshot.services}
    for gateway in settings.gateways:
        name = gateway.proxy_name(settings.routing_api)
        service = services.get(f"{settings.namespace_of(gateway)}/{name}")
        address = address_of(service) if service else ""
        for port in gateway.ports or ():
            for host in _hosts(snapshot, settings, gateway) if port.is_https and address else ():
                yield _port(settings, gateway, port, address, host)


def _port(
    settings: Settings, gateway: Gateway, port: Port, address: str, host: str | None
) -> Finding:
    at = f"{address}:{port.port}"
    status: Status = "ok"
    remedy = ""
    try:
        certificate = server_certificate.served(_handshake(address, port.port, host))
    except (ssl.SSLError, ConnectionResetError, ValueError) as error:
        # Envoy resets a connection for whose host it has no certificate.
        why = getattr(error, "reason", None) or error
        status, found = "wrong", f"no TLS for {host or 'any host'} at {at}: {why}"
        name = port.tls.credential_name if port.tls else ""
        namespace = settings.namespace_of(gateway)
        remedy = f"kubectl get secret {name} -n {namespace}; istioctl analyze -n {namespace}"
    except OSError as error:
        # The address may be private: not being reached from here says nothing of the gateway.
        status, found = "warning", f"{at} can't be reached from here: {error.strerror or error}"
    else:
        now = server_certificate.now()
        found = f"{', '.join(certificate.dns_names)} until {certificate.not_after:%Y-%m-%d}"
        if faults := list(certificate.faults(host, now)):
            status, found = "wrong", "; ".join(faults)
        elif end := certificate.ends_soon(now):
            status, found = "warning", f"its certificate {end}"
        remedy = "" if status == "ok" else "put a valid certificate into the Secret (docs/https.md)"
    subject = f"{settings.namespace_of(gateway)}/{gateway.name} {port.name}"
    return Finding(check="https", subject=subject, status=status, found=found, remedy=remedy)


def _hosts(snapshot: Snapshot, settings: Settings, gateway: Gateway) -> list[str | None]:
    """List the hosts to ask a gateway for: Bookinfo's, or those of a platform's app stacks.

    A listener of the Gateway API answers without a host, Istio's only for those that it knows.
    """
    known: list[str | None] = []
    if gateway is settings.ingress:
        known += (
            [settings.bookinfo_host]
            if settings.mode == "standalone"
            else sorted(snapshot.mesh.hosts.values())
        )
    return known or ([None] if settings.routing_api == "gateway-api" else [])


def _handshake(address: str, port: int, host: str | None) -> bytes:
    """Return the server's certificate; it is compared later, so that every fault can be told."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((address, port), timeout=PATIENCE) as connection,
        context.wrap_socket(connection, server_hostname=host) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""
