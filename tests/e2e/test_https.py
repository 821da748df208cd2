"""HTTPS at the gateways on a real API server: certificates come, are checked, and go."""

import json
import shlex
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import Sandbox
from traffic.certificates import Pair, make

from .checkout import Checkout
from .istiod import eventually

HOST = "bookinfo.dev.localhost"
URL = f"https://{HOST}/productpage"
SECRET = "bookinfo-tls"  # noqa: S105 - a name
HTTP = {"name": "http2", "port": 80, "httpsRedirect": True}
TLS: dict[str, Any] = {"name": "https", "port": 443, "tls": {"credentialName": SECRET}}
GATEWAYS = [{"ports": [HTTP, TLS]}]
CERT_MANAGER = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: certificates.cert-manager.io}
spec:
  group: cert-manager.io
  scope: Namespaced
  names: {kind: Certificate, plural: certificates, singular: certificate, listKind: CertificateList}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""


@pytest.fixture(scope="module")
def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a checkout whose stack is up, on a sandbox that these tests have for themselves."""
    sandbox = Sandbox(f"e2e-https-{id(request)}")
    checkout = Checkout.make(tmp_path_factory.mktemp("https"), sandbox)
    checkout.mesh("up")
    yield checkout
    sandbox.down()


def test_https_comes_is_renewed_and_goes(mesh: Checkout) -> None:
    """The stack brings the Secret before the gateway, changes it in place, and takes it back."""
    with mesh.configured(bookinfoHost=HOST, gateways=GATEWAYS):
        _give(mesh, make(HOST))
        mesh.mesh("up")
        assert mesh.pulumi("stack", "output", "bookinfoUrl").strip() == URL
        assert mesh.changes("--refresh") == {}
        uid = _secret(mesh)["metadata"]["uid"]

        _give(mesh, renewed := make(HOST))
        said = mesh.mesh("preview", "--", "--diff")
        assert "gateways-certificates-istio-system-bookinfo-tls" in said
        assert renewed.key.splitlines()[1] not in said
        mesh.mesh("up")
        assert _secret(mesh)["metadata"]["uid"] == uid, "never gone: istiod would serve nothing"

    mesh.mesh("up")
    assert mesh.changes("--refresh") == {}
    assert not [each for each in _secrets(mesh) if each["metadata"]["name"] == SECRET]


def test_the_gateway_api_serves_it_too(mesh: Checkout) -> None:
    """Its listener is programmed only with the certificate: the update would wait for it."""
    with mesh.configured(bookinfoHost=HOST, gateways=GATEWAYS, routingApi="gateway-api"):
        _give(mesh, make(HOST))
        mesh.mesh("up")
        assert mesh.pulumi("stack", "output", "bookinfoUrl").strip() == URL
        assert mesh.changes("--refresh") == {}
    mesh.mesh("up")


def test_a_certificate_in_the_cluster_is_checked(mesh: Checkout) -> None:
    """Missing, in the wrong namespace, for another host, near its end; and used if it fits."""
    with mesh.configured(bookinfoHost=HOST, gateways=GATEWAYS):
        assert f"there is no Secret istio-system/{SECRET}" in mesh.fails("preview")
        _create(mesh, make(HOST), "bookinfo")
        assert "one is in namespace bookinfo, where no gateway reads it" in mesh.fails("preview")
        _create(mesh, make("other.localhost"), "istio-system")
        assert f"has a certificate for other.localhost, not for {HOST}" in mesh.fails("preview")
        _create(mesh, make(HOST, days=10), "istio-system")
        assert f"the certificate in Secret istio-system/{SECRET} ends on" in mesh.mesh("preview")

        mesh.mesh("up")
        assert mesh.changes("--refresh") == {}
        assert "can't be reached from here" in mesh.mesh("verify"), "pods are fake: nobody listens"
    mesh.mesh("up")
    assert _secret(mesh), "somebody else's: it stays"
    for namespace in ("istio-system", "bookinfo"):
        mesh.shell(f"kubectl delete secret {SECRET} -n {namespace}")


def test_cert_manager_issues_a_certificate(mesh: Checkout, tmp_path: Path) -> None:
    """`up` waits until it has; without cert-manager the preview says so."""
    tls = {**TLS, "tls": {"credentialName": SECRET, "issuer": {"name": "letsencrypt"}}}
    with mesh.configured(bookinfoHost=HOST, gateways=[{"ports": [HTTP, tls]}]):
        assert "cert-manager, which is to issue the certificate" in mesh.fails("preview")
        (tmp_path / "crd.yaml").write_text(CERT_MANAGER)
        mesh.shell(f"kubectl apply -f {tmp_path / 'crd.yaml'}")
        issued = threading.Event()

        def issue() -> None:
            while not mesh.kubectl("get", "certificates", "-n", "istio-system")["items"]:
                time.sleep(1)
            time.sleep(5)  # as cert-manager takes its time
            ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            issued.set()
            mesh.shell(
                f"kubectl patch certificate {SECRET} -n istio-system --subresource status "
                f"--type merge -p {shlex.quote(json.dumps(ready))}"
            )

        thread = threading.Thread(target=issue, daemon=True)
        thread.start()
        mesh.mesh("up")
        assert issued.is_set()
        thread.join()
        spec = mesh.kubectl("get", "certificate", SECRET, "-n", "istio-system")["spec"]
        assert spec["dnsNames"] == [HOST]
    mesh.mesh("up")
    eventually(lambda: not mesh.kubectl("get", "certificates", "-n", "istio-system")["items"])


def _give(checkout: Checkout, pair: Pair) -> None:
    """Put a certificate into the stack's config, as docs/https.md says."""
    for name, pem in pair.secret.items():
        path = shlex.quote(f'gatewayCertificates["{SECRET}"]["{name}"]')
        checkout.shell(f"pulumi config set --secret --path {path} -- {shlex.quote(pem)}")


def _create(checkout: Checkout, pair: Pair, namespace: str) -> None:
    """Put a certificate into the cluster, as a person would."""
    folder = checkout.folder
    (folder / "tls.crt").write_text(pair.certificate)
    (folder / "tls.key").write_text(pair.key)
    checkout.shell(
        f"kubectl create secret tls {SECRET} -n {namespace} --cert {folder / 'tls.crt'} "
        f"--key {folder / 'tls.key'} --dry-run=client -o yaml | kubectl apply -f -"
    )


def _secrets(checkout: Checkout) -> list[dict[str, Any]]:
    return checkout.kubectl("get", "secrets", "-n", "istio-system")["items"]


def _secret(checkout: Checkout) -> dict[str, Any]:
    (found,) = [each for each in _secrets(checkout) if each["metadata"]["name"] == SECRET]
    return found
