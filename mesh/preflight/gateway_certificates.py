"""Certificates of gateways that are in the cluster already, and cert-manager's."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from lightkube.resources.core_v1 import Secret

from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import ownership, server_certificate
from mesh.settings.gateway import TLSMode
from mesh.settings.schema import Settings

CERT_MANAGER = "certificates.cert-manager.io"
"""The CRD that cert-manager is known by."""
FILES = ("tls.crt", "tls.key", "ca.crt", "cert", "key", "cacert")
"""Keys of a Secret that istiod reads; cert-manager may put key stores beside them."""
FORBIDDEN = 403
NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Secret that a port needs, and that the stack doesn't bring."""

    namespace: str
    name: str
    mode: TLSMode
    place: str
    """What needs it, for messages."""
    host: str | None
    """Host that it must be valid for; None for those of others."""
    comes_with_namespace: bool = False
    """Whether its namespace is new: nobody could have put the Secret there."""

    def __str__(self) -> str:
        return f"Secret {self.namespace}/{self.name}, for {self.place},"


def refusals(
    client: Client, settings: Settings, running: RunningMesh, warnings: list[str]
) -> Iterator[str]:
    """List what is wrong with the gateways' certificates, and add to the warnings."""
    for gateway in settings.gateways:
        namespace = settings.namespace_of(gateway)
        for port in gateway.ports or ():
            tls, place = port.tls, f"port {port.name} of gateway {gateway.name}"
            if tls is None or tls.credential_name is None:
                continue
            if tls.issuer is not None:
                yield from _issuer(client, place)
                yield from _own(client, namespace, tls.credential_name, place)
            elif tls.credential_name not in settings.gateway_certificates:
                wanted = Wanted(
                    namespace=namespace,
                    name=tls.credential_name,
                    mode=tls.mode,
                    place=place,
                    host=settings.host_served_with(tls.credential_name),
                    comes_with_namespace=namespace not in running.namespaces,
                )
                yield from _secret(client, settings, wanted, warnings)

    own, ingress = settings.bookinfo_credential_name, settings.ingress
    is_theirs = own not in settings.gateway_certificates
    if settings.mode == "standalone" and own and ingress and is_theirs:
        port = ingress.https_port
        wanted = Wanted(
            namespace=settings.namespace_of(ingress),
            name=own,
            mode=port.tls.mode if port and port.tls else "SIMPLE",
            place="bookinfoCredentialName",
            host=settings.bookinfo_host,
            comes_with_namespace=settings.namespace_of(ingress) not in running.namespaces,
        )
        yield from _secret(client, settings, wanted, warnings)


def refusals_of_app(client: Client, settings: Settings, warnings: list[str]) -> Iterator[str]:
    """List what is wrong with the certificate of an app stack's own host."""
    contract, name = settings.platform_contract, settings.bookinfo_credential_name
    gateway = contract.gateway if contract else None
    if gateway is not None and gateway.https is not None and name is not None:
        wanted = Wanted(
            namespace=gateway.namespace,
            name=name,
            mode=gateway.https.mode,
            place="bookinfoCredentialName",
            host=settings.bookinfo_host,
        )
        yield from _secret(client, settings, wanted, warnings)


def _issuer(client: Client, place: str) -> Iterator[str]:
    try:
        client.get(CustomResourceDefinition, CERT_MANAGER)
    except ApiError as error:
        if error.status.code == NOT_FOUND:
            yield (
                f"there is no CRD {CERT_MANAGER}: cert-manager, which is to issue the certificate "
                f"for {place}, isn't installed; install it, or drop tls.issuer"
            )
        elif error.status.code != FORBIDDEN:
            raise


def _own(client: Client, namespace: str, name: str, place: str) -> Iterator[str]:
    """Refuse to issue a certificate into a Secret that the update would delete afterwards."""
    try:
        secret = client.get(Secret, name, namespace=namespace)
    except ApiError as error:
        if error.status.code in (FORBIDDEN, NOT_FOUND):
            return
        raise
    if _is_own(secret):
        yield (
            f"Secret {namespace}/{name}, for {place}, is this stack's own, and the update would "
            "delete it after cert-manager has written into it: use another credentialName"
        )


def _is_own(secret: Secret) -> bool:
    metadata = secret.metadata
    annotations = (metadata.annotations if metadata else None) or {}
    return annotations.get(ownership.ANNOTATION) == ownership.stack()


def _secret(
    client: Client, settings: Settings, wanted: Wanted, warnings: list[str]
) -> Iterator[str]:
    try:
        secret = client.get(Secret, wanted.name, namespace=wanted.namespace)
    except ApiError as error:
        if error.status.code == FORBIDDEN:
            warnings.append(f"{wanted} wasn't checked: this user may not read it")
            return
        if error.status.code != NOT_FOUND:
            raise
        message = _missing(client, wanted)
        if wanted.comes_with_namespace and settings.routing_api == "istio":
            warnings.append(message)
        else:  # a Gateway of the Gateway API isn't programmed before
            yield message
        return
    if _is_own(secret):
        yield (
            f"{wanted} is this stack's own, and the update would delete it: keep {wanted.name} in "
            "gatewayCertificates, or put your own Secret there under another name"
        )
        return
    try:
        data = secret.data or {}
        files = {name: _text(data[name]) for name in FILES if name in data}
        for fault in _faults(files, wanted, warnings):
            yield f"{wanted} {fault}"
    except ValueError as error:
        yield f"{wanted} {error}"


def _missing(client: Client, wanted: Wanted) -> str:
    """Say where else a Secret of that name is, and how to bring one to the gateway's pods."""
    try:
        found = list(client.list(Secret, namespace="*", fields={"metadata.name": wanted.name}))
    except ApiError:  # without the right to list them, nothing is said of others
        found = []
    others = sorted({each.metadata.namespace or "" for each in found if each.metadata})
    elsewhere = (
        f"; one is in namespace {', '.join(others)}, where no gateway reads it" if others else ""
    )
    return (
        f"there is no {wanted}, in the namespace of the gateway's pods{elsewhere}: "
        "kubectl create secret tls "
        f"{wanted.name} -n {wanted.namespace} --cert FILE --key FILE, or give the certificate to "
        "the stack, in gatewayCertificates (docs/https.md)"
    )


def _faults(files: Mapping[str, str], wanted: Wanted, warnings: list[str]) -> Iterator[str]:
    """List what is wrong with a Secret; istiod reads two forms of its keys."""
    chain = files.get("tls.crt") or files.get("cert")
    private = files.get("tls.key") or files.get("key")
    if not chain or not private:
        yield "has no tls.crt and tls.key"
        return
    if wanted.mode != "SIMPLE" and not (files.get("ca.crt") or files.get("cacert")):
        yield f"has no ca.crt, the clients' CA, which mode {wanted.mode} needs"
    now = server_certificate.now()
    certificate = server_certificate.read(chain, private)
    yield from certificate.faults(wanted.host, now)
    if end := certificate.ends_soon(now):
        warnings.append(
            f"the certificate in Secret {wanted.namespace}/{wanted.name} {end}: renew it"
        )


def _text(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("holds a certificate or a key that isn't PEM") from error
