"""HTTPS at the gateways: what the stack makes of a port with TLS."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.engine import RecordingEngine
from traffic.certificates import make

RunProgram = Callable[..., RecordingEngine]

HOST = "bookinfo.example.com"
PAIR = make(HOST)
SECRET = "Secret/gateways-certificates-istio-system-bookinfo-tls"  # noqa: S105 - a resource
PORTS: list[dict[str, Any]] = [
    {"name": "http2", "port": 80, "httpsRedirect": True},
    {"name": "https", "port": 443, "tls": {"credentialName": "bookinfo-tls"}},
]


def settings(ports: list[dict[str, Any]] | None = None, **others: str) -> dict[str, str]:
    """Return the config of a stack with HTTPS, and its certificate."""
    return {
        "bookinfoHost": HOST,
        "gateways": json.dumps([{"ports": ports or PORTS}]),
        "gatewayCertificates": json.dumps({"bookinfo-tls": PAIR.secret}),
        "concealed": "gatewayCertificates",
        **others,
    }


@pytest.fixture(scope="module")
def https(run_program: RunProgram) -> RecordingEngine:
    """Deploy a stack with HTTPS by Istio's API."""
    return run_program(**settings())


@pytest.fixture(scope="module")
def listening(run_program: RunProgram) -> RecordingEngine:
    """Deploy the same by the Kubernetes Gateway API."""
    return run_program(**settings(routingApi="gateway-api", gatewayApiCrds="cluster"))


def test_the_certificate_is_a_secret_beside_the_gateways_pods(https: RecordingEngine) -> None:
    """Of the type that Kubernetes has for it, and secret in the state."""
    inputs = https.inputs(SECRET)

    assert inputs["type"] == "kubernetes.io/tls"
    assert inputs["metadata"]["name"] == "bookinfo-tls"
    assert inputs["metadata"]["namespace"] == "istio-system"
    encoded = base64.b64encode(PAIR.key.encode()).decode()
    assert encoded in str(https.requests[SECRET])
    elsewhere = {name: str(each) for name, each in https.requests.items() if name != SECRET}
    assert not [name for name, each in elsewhere.items() if encoded in each or PAIR.key in each]


def test_bookinfo_is_served_by_https_and_http_redirects(https: RecordingEngine) -> None:
    """In one Gateway, for Bookinfo's host only; the stack's URL is https."""
    spec = https.inputs("Gateway/bookinfo-routes-gateway")["spec"]

    assert spec["servers"] == [
        {
            "port": {"number": 80, "name": "http", "protocol": "HTTP"},
            "hosts": [HOST],
            "tls": {"httpsRedirect": True},
        },
        {
            "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
            "hosts": [HOST],
            "tls": {"mode": "SIMPLE", "credentialName": "bookinfo-tls"},
        },
    ]
    assert https.outputs["bookinfoUrl"] == f"https://{HOST}/productpage"


def test_https_only(run_program: RunProgram) -> None:
    """A gateway without plain HTTP serves Bookinfo too, on any port, and refuses old clients."""
    port = {"name": "https", "port": 8443}
    tls = {"credentialName": "bookinfo-tls", "mode": "MUTUAL", "minProtocolVersion": "TLSV1_3"}
    pair = {**PAIR.secret, "ca.crt": PAIR.certificate}
    engine = run_program(
        **settings([{**port, "tls": tls}], gatewayCertificates=json.dumps({"bookinfo-tls": pair}))
    )

    (server,) = engine.inputs("Gateway/bookinfo-routes-gateway")["spec"]["servers"]
    assert server["port"]["number"] == 8443
    assert server["tls"] == {
        "mode": "MUTUAL",
        "credentialName": "bookinfo-tls",
        "minProtocolVersion": "TLSV1_3",
    }
    assert engine.outputs["bookinfoUrl"] == f"https://{HOST}:8443/productpage"
    assert "ca.crt" in str(engine.requests[SECRET])


def test_the_gateway_api_has_a_listener_with_the_certificate(listening: RecordingEngine) -> None:
    """And a route of its own for plain HTTP, which redirects."""
    plain, secure = listening.inputs("Gateway/istio-ingressgateway")["spec"]["listeners"]

    assert (plain["protocol"], "tls" in plain) == ("HTTP", False)
    assert (secure["name"], secure["port"], secure["protocol"]) == ("https", 443, "HTTPS")
    assert secure["tls"] == {"mode": "Terminate", "certificateRefs": [{"name": "bookinfo-tls"}]}
    entry = listening.inputs("HTTPRoute/bookinfo-routes-bookinfo")["spec"]
    redirect = listening.inputs("HTTPRoute/bookinfo-routes-bookinfo-redirect")["spec"]
    assert [each["sectionName"] for each in entry["parentRefs"]] == ["https"]
    assert [each["sectionName"] for each in redirect["parentRefs"]] == ["http2"]
    assert redirect["rules"] == [
        {
            "filters": [
                {
                    "type": "RequestRedirect",
                    "requestRedirect": {"scheme": "https", "port": 443, "statusCode": 301},
                }
            ]
        }
    ]
    assert listening.outputs["bookinfoUrl"] == f"https://{HOST}/productpage"


@pytest.mark.parametrize("mode", ["MUTUAL", "OPTIONAL_MUTUAL"])
def test_the_gateway_api_asks_clients_for_certificates(run_program: RunProgram, mode: str) -> None:
    """By Istio's option of a listener: the API has no field for it."""
    tls = {"credentialName": "other", "mode": mode}
    engine = run_program(
        **settings(
            [
                {**PORTS[1], "tls": tls},
                {"name": "tls", "port": 9443, "tls": {"mode": "PASSTHROUGH"}},
            ],
            routingApi="gateway-api",
            gatewayApiCrds="cluster",
            gatewayCertificates="{}",
        )
    )

    secure, through = engine.inputs("Gateway/istio-ingressgateway")["spec"]["listeners"]
    assert secure["tls"]["options"] == {"gateway.istio.io/tls-terminate-mode": mode}
    assert (through["protocol"], through["tls"]) == ("TLS", {"mode": "Passthrough"})


def test_cert_manager_issues_the_certificate(run_program: RunProgram) -> None:
    """For Bookinfo's host, into the Secret that the port names; the gateway comes after it."""
    tls = {"credentialName": "bookinfo-tls", "issuer": {"name": "letsencrypt"}}
    engine = run_program(**settings([{**PORTS[1], "tls": tls}], gatewayCertificates="{}"))

    made = engine.inputs("Certificate/gateways-certificates-istio-system-bookinfo-tls")
    assert made["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert made["spec"] == {
        "secretName": "bookinfo-tls",
        "dnsNames": [HOST],
        "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "letsencrypt"},
        "privateKey": {"rotationPolicy": "Always"},
    }


def test_a_platform_tells_its_apps_of_https(run_program: RunProgram) -> None:
    """Port, mode, certificate and its host names; one that no port names is for an app stack."""
    pairs = {"bookinfo-tls": make("*.example.com").secret, "ann-tls": make("ann.test").secret}
    engine = run_program(
        mode="platform",
        gateways=json.dumps([{"namespace": "edge", "ports": PORTS}]),
        gatewayCertificates=json.dumps(pairs),
        concealed="gatewayCertificates",
    )

    assert engine.outputs["platformContract"]["gateway"]["https"] == {
        "port": 443,
        "name": "https",
        "mode": "SIMPLE",
        "credentialName": "bookinfo-tls",
        "redirectFrom": "http2",
        "dnsNames": ["*.example.com"],
    }
    assert (
        engine.inputs("Secret/gateways-certificates-edge-ann-tls")["metadata"]["namespace"]
        == "edge"
    )


def test_a_stack_without_https_has_nothing_of_it(deployed: RecordingEngine) -> None:
    """No component, no Secret, no field more in its Gateway."""
    assert not [name for name in deployed.requests if "certificates" in name]
    (server,) = deployed.inputs("Gateway/bookinfo-routes-gateway")["spec"]["servers"]
    assert server.keys() == {"port", "hosts"}
