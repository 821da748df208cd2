"""Certificates that are in the cluster already, and cert-manager: what a preview finds."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mesh.istio.running_mesh import RunningMesh
from mesh.kubernetes import ownership
from mesh.kubernetes.client import connect
from mesh.preflight import gateway_certificates
from mesh.validation import config
from tests.fakes.api_server import Answer, Request, cluster_at, serving
from traffic.certificates import make

HOST = "bookinfo.example.com"
PAIR = make(HOST)
Look = Callable[..., tuple[list[str], list[str]]]


def secret(
    files: dict[str, str], namespace: str = "istio-system", **annotations: str
) -> dict[str, Any]:
    """Return a Secret `own` with these files."""
    data = {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
    metadata = {"name": "own", "namespace": namespace, "annotations": annotations}
    return {"metadata": metadata, "data": data}


@pytest.fixture
def look(configure: Callable[..., None], tmp_path: Path) -> Look:
    """Return a check of a cluster with some Secrets: what is refused, and what is warned of."""

    def check(
        *secrets: dict[str, Any],
        status: int = 404,
        namespaces: tuple[str, ...] = ("istio-system",),
        mode: str = "SIMPLE",
        issuer: dict[str, str] | None = None,
        **others: str,
    ) -> tuple[list[str], list[str]]:
        tls = {"credentialName": "own", "mode": mode, **({"issuer": issuer} if issuer else {})}
        ports = [{"name": "https", "port": 443, "tls": tls}]
        configure(bookinfoHost=HOST, gateways=json.dumps([{"ports": ports}]), **others)

        def answer(request: Request) -> Answer:
            if request.path.startswith("/api/v1/secrets"):
                assert "fieldSelector=metadata.name" in request.path, "one request for all"
                return 200, {"metadata": {}, "items": secrets}
            for each in secrets:
                namespace = each["metadata"]["namespace"]
                if request.path == f"/api/v1/namespaces/{namespace}/secrets/own":
                    return 200, each
            return status, {"code": status, "message": "no", "status": "Failure"}

        warnings: list[str] = []
        running = cast("RunningMesh", SimpleNamespace(namespaces=dict.fromkeys(namespaces)))
        with serving(answer) as url, connect(cluster_at(url, tmp_path)) as client:
            settings = config.read_settings()
            found = gateway_certificates.refusals(client, settings, running, warnings)
            return list(found), warnings

    return check


def test_a_certificate_that_fits_is_fine(look: Look) -> None:
    """Under the keys of a TLS Secret, or under those that istiod knows too."""
    assert look(secret(PAIR.secret)) == ([], [])
    assert look(secret({"cert": PAIR.certificate, "key": PAIR.key})) == ([], [])
    store = secret(PAIR.secret)
    store["data"]["keystore.jks"] = base64.b64encode(b"\xfe\xed").decode()
    assert look(store) == ([], []), "cert-manager puts key stores beside it"


@pytest.mark.parametrize(
    ("files", "mode", "fault"),
    [
        (make("other.example.com").secret, "SIMPLE", f"for other.example.com, not for {HOST}"),
        (make(HOST, days=-1).secret, "SIMPLE", "has a certificate that ended on"),
        ({**PAIR.secret, "tls.key": make(HOST).key}, "SIMPLE", "that don't belong together"),
        ({"tls.crt": PAIR.certificate}, "SIMPLE", "has no tls.crt and tls.key"),
        ({"tls.crt": "\x00", "tls.key": "x"}, "SIMPLE", "holds no certificate in PEM"),
        (PAIR.secret, "MUTUAL", "has no ca.crt, the clients' CA, which mode MUTUAL needs"),
    ],
)
def test_one_that_does_not_fit_is_refused(
    look: Look, files: dict[str, str], mode: str, fault: str
) -> None:
    """With the Secret, the port, and what is wrong."""
    (refused,), warnings = look(secret(files), mode=mode)

    place = "Secret istio-system/own, for port https of gateway istio-ingressgateway,"
    assert refused.startswith(place)
    assert fault in refused
    assert warnings == []


def test_one_that_ends_soon_is_warned_of(look: Look) -> None:
    """It serves today, and won't next month."""
    refused, (warning,) = look(secret(make(HOST, days=20).secret))

    assert refused == []
    assert warning.startswith("the certificate in Secret istio-system/own ends on 20")


def test_a_secret_in_another_namespace_is_refused(look: Look) -> None:
    """Istiod reads the one beside the gateway's pods only; the message says where it is."""
    (refused,), _ = look(secret(PAIR.secret, namespace="bookinfo"))

    assert "there is no Secret istio-system/own" in refused
    assert "one is in namespace bookinfo, where no gateway reads it" in refused
    assert "kubectl create secret tls own -n istio-system --cert FILE --key FILE" in refused


def test_a_secret_nobody_could_have_made_is_only_warned_of(look: Look) -> None:
    """The first `up` makes the gateway's namespace; the Gateway API would wait for it in vain."""
    refused, (warning,) = look(namespaces=())
    assert refused == []
    assert "there is no Secret istio-system/own" in warning

    (refused,), _ = look(namespaces=(), routingApi="gateway-api", gatewayApiCrds="cluster")
    assert "there is no Secret istio-system/own" in refused


def test_a_secret_that_may_not_be_read_is_not_checked(look: Look) -> None:
    """CI's user may have no right to Secrets: that is said, and stops nothing."""
    refused, (warning,) = look(status=403)

    assert refused == []
    assert "wasn't checked: this user may not read it" in warning


def test_the_stacks_own_secret_would_go(look: Look) -> None:
    """Who takes a certificate out of the config, and names it still, would lose HTTPS."""
    own = secret(PAIR.secret, **{ownership.ANNOTATION: "mesh/test"})

    (refused,), _ = look(own)
    assert "is this stack's own, and the update would delete it" in refused


def test_cert_manager_must_be_there(look: Look) -> None:
    """Its Certificate has no kind without it."""
    (refused,), _ = look(issuer={"name": "ca"})

    assert "there is no CRD certificates.cert-manager.io" in refused


def test_nothing_is_issued_into_a_secret_that_the_update_deletes(look: Look) -> None:
    """Pulumi deletes last: cert-manager's new certificate would go with the stack's old Secret."""
    own = secret(PAIR.secret, **{ownership.ANNOTATION: "mesh/test"})

    refused, _ = look(own, issuer={"name": "ca"})
    assert "delete it after cert-manager has written into it" in refused[-1]
