"""HTTPS in the config: what is refused, and what is only warned of."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from mesh.settings.secrets import ENCRYPTED
from mesh.validation import config
from mesh.validation.conflicts import https
from tests.fakes.engine import CONTRACT
from traffic.certificates import make

Configure = Callable[..., None]

HOST = "bookinfo.example.com"
PAIR = make(HOST)
OTHER = make("other.example.com")
HTTP = {"name": "http2", "port": 80}


def port(name: str = "https", number: int = 443, **tls: Any) -> dict[str, Any]:
    """Return a port with TLS, of the Secret `own` unless told otherwise."""
    return {"name": name, "port": number, "tls": {"credentialName": "own", **tls}}


def given(
    *ports: dict[str, Any], own: dict[str, str] | None = None, **others: str
) -> dict[str, str]:
    """Return the config of a stack with these ports, and its certificates."""
    gateway = others.pop("gateway", "{}")
    return {
        "bookinfoHost": HOST,
        "gateways": json.dumps([{"ports": [*ports], **json.loads(gateway)}]),
        "gatewayCertificates": json.dumps({"own": own or PAIR.secret}),
        "concealed": "gatewayCertificates",
        **others,
    }


def refusal(configure: Configure, **overrides: str) -> str:
    """Return the message that a config is refused with, which never has a key in it."""
    configure(**overrides)
    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()
    assert "PRIVATE" not in str(caught.value)
    return str(caught.value)


BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
PASS = {"name": "tls", "port": 443, "tls": {"mode": "PASSTHROUGH"}}
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "a mode in lower case": (given(port(mode="simple")), "ports[0].tls.mode: must be 'SIMPLE'"),
    "an unknown field": (given(port(secretName="x")), "tls.secretName: no such"),
    "no credential": (
        given({"name": "https", "port": 443, "tls": {}}, HTTP),
        "ports[0].tls.credentialName: must be set: the name of the Secret",
    ),
    "a name of the clients' CA": (
        given(port(credentialName="own-cacert"), HTTP),
        "can't end with -cacert",
    ),
    "a credential that is passed through": (
        given(HTTP, {**PASS, "tls": {"mode": "PASSTHROUGH", "credentialName": "own"}}),
        "ports[1].tls.credentialName: can't be set with mode PASSTHROUGH",
    ),
    "a version that is passed through": (
        given(HTTP, {**PASS, "tls": {"mode": "PASSTHROUGH", "minProtocolVersion": "TLSV1_3"}}),
        "tls.minProtocolVersion: can't be set with mode PASSTHROUGH",
    ),
    "an unknown version": (given(port(minProtocolVersion="1.3")), "minProtocolVersion: must be"),
    "a port of another name": (
        given(port("web"), HTTP),
        "ports[0].name: must begin with https, with tls.mode SIMPLE, got 'web'",
    ),
    "a port that is passed through, of another name": (
        given(HTTP, {**PASS, "name": "https"}),
        "ports[1].name: must begin with tls, with tls.mode PASSTHROUGH",
    ),
    "UDP": (given({**port(), "protocol": "UDP"}, HTTP), "ports[0].protocol: must be TCP with tls"),
    "Bookinfo passed through": (
        given(PASS, gatewayCertificates="{}"),
        "gateways[0].ports: must have a port for HTTP",
    ),
    "a redirect from HTTPS": (
        given(HTTP, {**port(), "httpsRedirect": True}),
        "ports[1].httpsRedirect: is for plain HTTP",
    ),
    "a redirect to nowhere": (
        given({**HTTP, "httpsRedirect": True}, gatewayCertificates="{}"),
        "ports[0].httpsRedirect: needs a port with tls on the same gateway",
    ),
    "a redirect to another port than 443": (
        given({**HTTP, "httpsRedirect": True}, port(number=8443)),
        "ports[0].httpsRedirect: needs HTTPS on port 443, where Istio's redirect leads",
    ),
    "an egress gateway": (
        {
            **given(HTTP, port()),
            "gateways": json.dumps([{}, {"direction": "egress", "ports": [port()]}]),
        },
        "gateways[1].ports[0].tls: is for an ingress gateway",
    ),
    "mutual TLS without a CA": (
        given(HTTP, port(mode="MUTUAL")),
        "ports[1].tls.mode: needs the clients' CA: mesh:gatewayCertificates has no ca.crt of own",
    ),
    "a version with the Gateway API": (
        given(
            HTTP,
            port(minProtocolVersion="TLSV1_3"),
            routingApi="gateway-api",
            gatewayApiCrds="cluster",
        ),
        "tls.minProtocolVersion: isn't known to routingApi gateway-api",
    ),
    "an issuer of what is given": (
        given(HTTP, port(issuer={"name": "ca"})),
        "tls.issuer: can't be set: mesh:gatewayCertificates has own already",
    ),
    "an issuer on a platform without names": (
        {
            "mode": "platform",
            "gateways": json.dumps([{"ports": [HTTP, port(issuer={"name": "ca"})]}]),
        },
        "tls.issuer.dnsNames: must be set with mesh:mode platform",
    ),
    "an issuer of an unknown kind": (
        given(HTTP, port(issuer={"name": "ca", "kind": "CA"})),
        "tls.issuer.kind: must be 'Issuer' or 'ClusterIssuer'",
    ),
    "a key as the clients' CA": (
        given(HTTP, port(mode="MUTUAL"), own={**PAIR.secret, "ca.crt": PAIR.key}),
        "gatewayCertificates.own: holds no certificate in PEM (ca.crt)",
    ),
    "a chain whose second certificate is broken": (
        given(HTTP, port(), own={**PAIR.secret, "tls.crt": PAIR.certificate + BROKEN}),
        "gatewayCertificates.own: holds a certificate that can't be read",
    ),
    "an old version": (given(port(minProtocolVersion="TLSV1_1")), "minProtocolVersion: must be"),
    "an issuer's wrong names": (
        given(
            HTTP,
            port(issuer={"name": "ca", "dnsNames": ["other.example.com"]}),
            gatewayCertificates="{}",
        ),
        f"tls.issuer.dnsNames: must hold bookinfoHost, {HOST}",
    ),
    "an issuer's names that are none": (
        given(HTTP, port(issuer={"name": "ca", "dnsNames": ["https://x"]})),
        "must be a DNS name in lower case",
    ),
    "an issuer with mutual TLS": (
        given(HTTP, port(mode="MUTUAL", issuer={"name": "ca"}), gatewayCertificates="{}"),
        "tls.issuer: can't be set with mode MUTUAL",
    ),
    "two issuers of one Secret": (
        given(
            HTTP,
            port(issuer={"name": "ca"}),
            port("https-b", 8443, issuer={"name": "other"}),
            gatewayCertificates="{}",
        ),
        "ports[2].tls.issuer: must be that of the other port with credentialName own",
    ),
    "a redirect of another port": (
        given(HTTP, {"name": "http-b", "port": 81, "httpsRedirect": True}, port()),
        "ports[1].httpsRedirect: is for the gateway's first port with plain HTTP",
    ),
    "a certificate of Bookinfo's own without the clients' CA": (
        given(
            HTTP,
            port(mode="MUTUAL", credentialName="theirs"),
            bookinfoCredentialName="own",
        ),
        'gatewayCertificates.own["ca.crt"]: must be set: the gateway\'s port has tls.mode MUTUAL',
    ),
    "a certificate that nothing names": (
        given(HTTP, gateway="{}"),
        "gatewayCertificates.own: is named by no tls.credentialName of gateways",
    ),
    "another host's certificate": (
        given(HTTP, port(), own=OTHER.secret),
        f"gatewayCertificates.own: has a certificate for other.example.com, not for {HOST}",
    ),
    "a wildcard for two labels": (
        given(HTTP, port(), own=make("*.com").secret),
        f"has a certificate for *.com, not for {HOST}",
    ),
    "a key of another certificate": (
        given(HTTP, port(), own={**PAIR.secret, "tls.key": OTHER.key}),
        "gatewayCertificates.own: has a certificate and a key that don't belong together",
    ),
    "a certificate that has ended": (
        given(HTTP, port(), own=make(HOST, days=-3).secret),
        "gatewayCertificates.own: has a certificate that ended on 20",
    ),
    "a certificate without names": (
        given(HTTP, port(), own=make().secret),
        "gatewayCertificates.own: has a certificate for no DNS name (subjectAltName), not for",
    ),
    "a key in place of the certificate": (
        given(HTTP, port(), own={"tls.crt": PAIR.key, "tls.key": PAIR.key}),
        "gatewayCertificates.own: holds no certificate in PEM",
    ),
    "a certificate in place of the key": (
        given(HTTP, port(), own={"tls.crt": PAIR.certificate, "tls.key": PAIR.certificate}),
        "gatewayCertificates.own: has a key that can't be read",
    ),
    "half a certificate": (
        given(HTTP, port(), own={**PAIR.secret, "tls.crt": PAIR.certificate.replace("M", "", 9)}),
        "gatewayCertificates.own: holds a certificate that can't be read",
    ),
    "a file's name": (
        given(HTTP, port(), own={**PAIR.secret, "tls.crt": "/etc/tls.crt"}),
        "must be in PEM, from its -----BEGIN on",
    ),
    "no key": (given(HTTP, port(), own={"tls.crt": PAIR.certificate}), 'tls.key"]: must be set'),
    "other keys": (
        given(HTTP, port(), own={**PAIR.secret, "cert": PAIR.certificate}),
        "gatewayCertificates.own.cert: no such",
    ),
    "in plain text": (
        {**given(HTTP, port()), "concealed": ""},
        "mesh:gatewayCertificates: must be set with --secret",
    ),
    "a credential of Bookinfo's own without HTTPS": (
        {"bookinfoCredentialName": "own"},
        "mesh:bookinfoCredentialName: needs a port with tls",
    ),
    "a credential of Bookinfo's own with the Gateway API": (
        given(
            HTTP,
            port(),
            bookinfoCredentialName="mine",
            routingApi="gateway-api",
            gatewayApiCrds="cluster",
        ),
        "mesh:bookinfoCredentialName: can't be set with routingApi gateway-api",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_line(configure: Configure, name: str) -> None:
    """It names key, rule and remedy, and prints no certificate and no key."""
    stack, expected = WRONG[name]

    assert expected in refusal(configure, **stack)


@pytest.mark.parametrize(
    "stack",
    [
        given(HTTP, port()),
        given(port(), own=make("*.example.com").secret),
        given(HTTP, PASS, gatewayCertificates="{}"),
        given(HTTP, port(mode="MUTUAL"), own={**PAIR.secret, "ca.crt": OTHER.certificate}),
        given(HTTP, port(credentialName="theirs"), gatewayCertificates="{}"),
        given(
            HTTP,
            port(),
            gatewayCertificates=json.dumps({"own": OTHER.secret, "mine": PAIR.secret}),
            bookinfoCredentialName="mine",
        ),
        given(HTTP, port(), own=dict.fromkeys(("tls.crt", "tls.key"), ENCRYPTED)),
    ],
)
def test_what_is_right_is_taken(configure: Configure, stack: dict[str, str]) -> None:
    """A wildcard, a Secret of the cluster's, and what only Pulumi can decrypt, among others."""
    configure(**stack)

    config.read_settings()


def test_a_certificate_that_ends_soon_is_warned_of(configure: Configure) -> None:
    """Within 30 days, with the day."""
    configure(**given(HTTP, port(), own=make(HOST, days=29).secret))
    (warning,) = https.ending(config.read_settings())
    assert warning.startswith("the certificate own in gatewayCertificates ends on 20")
    assert "within 30 days" in warning

    configure(**given(HTTP, port(), own=make(HOST, days=31).secret))
    assert list(https.ending(config.read_settings())) == []


def test_a_port_with_nothing_behind_it_is_warned_of(configure: Configure) -> None:
    """It is named https and has no certificate; the chart's own ports aren't the user's."""
    configure(gateways=json.dumps([{"ports": [HTTP, {"name": "https", "port": 443}]}]))
    (warning,) = https.idle_ports(config.read_settings())
    assert "port https of gateway istio-ingressgateway has no tls" in warning

    configure(**given(HTTP, port(), port("https-b", 8443)))
    (warning,) = https.idle_ports(config.read_settings())
    assert "port https-b of gateway istio-ingressgateway isn't used by Bookinfo" in warning

    configure()
    assert list(https.idle_ports(config.read_settings())) == []


def test_an_apps_host_must_be_in_its_platforms_certificate(configure: Configure) -> None:
    """Else browsers refuse it; a certificate of its own, beside the gateway, is the way out."""
    served = {
        "port": 443,
        "name": "https",
        "mode": "SIMPLE",
        "credentialName": "own",
        "dnsNames": ["*.apps.example.com"],
    }
    contract = {**CONTRACT, "gateway": {**CONTRACT["gateway"], "https": served}}
    app = {"mode": "app", "platformContract": json.dumps(contract)}

    message = refusal(configure, **app, bookinfoHost=HOST)
    assert "isn't in the certificate of the platform's gateway, for *.apps.example.com" in message
    assert "set bookinfoCredentialName to a Secret beside the gateway, in namespace" in message

    configure(**app, bookinfoHost="ann.apps.example.com")
    assert config.read_settings().bookinfo_credential == "own"
    configure(**app, bookinfoHost=HOST, bookinfoCredentialName="mine")
    assert config.read_settings().bookinfo_credential == "mine"
