"""A CA is replaced as docs/security.md says: both roots, then the new issuer, then the new root."""

import base64
import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.istio.certificates import fingerprints
from sandbox.cluster import Sandbox

from .checkout import Checkout
from .istiod import eventually

GATEWAY = ("deployment", "istio-ingressgateway", "-n", "istio-system")
FILES = ("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem")


@pytest.fixture
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Checkout]:
    """Return a checkout whose platform is up on a sandbox of its own, with a CA of istiod's."""
    sandbox = Sandbox(f"e2e-ca-{id(request)}")
    checkout = Checkout.make(tmp_path / "checkout", sandbox)
    with checkout.configured(mode="platform"):
        checkout.mesh("up")
        yield checkout
    sandbox.down()


def test_another_ca_comes_in_three_updates(platform: Checkout, tmp_path: Path) -> None:
    """Each is told in the preview, restarts istiod, and `verify` names the pods that follow."""
    secret = platform.kubectl("get", "secret", "istio-ca-secret", "-n", "istio-system")["data"]
    old = {name: base64.b64decode(secret[name]).decode() for name in FILES[:2]}
    new = _authority(tmp_path)
    both = old["ca-cert.pem"] + new["ca-cert.pem"]

    _set(platform, _files(new, new["ca-cert.pem"]))
    assert "with no root in common" in platform.mesh("preview"), "all at once is warned of"

    _set(platform, _files(old, both))
    assert "the mesh trusts another root certificate, too" in platform.mesh("preview")
    _update(platform, both)

    _set(platform, _files(new, both))
    assert "root certificate" not in platform.mesh("preview"), "the roots stay"
    _update(platform, both)

    _set(platform, _files(new, new["ca-cert.pem"]))
    assert "stops trusting the root certificate" in platform.mesh("preview")
    _update(platform, new["ca-cert.pem"])
    assert platform.changes("--refresh") == {}


def _update(checkout: Checkout, roots: str) -> None:
    """Apply it, see which roots istiod hands out, and restart whom `verify` names."""
    before = _istiods(checkout)
    secret = _uid(checkout, "secret", "cacerts")
    checkout.mesh("up")
    assert not before & _istiods(checkout), "istiod reads its CA when it starts only"
    if secret:
        assert _uid(checkout, "secret", "cacerts") == secret, "changed in place, never gone"

    def trusted() -> tuple[str, ...]:
        held = checkout.kubectl("get", "configmap", "istio-ca-root-cert", "-n", "istio-system")
        return fingerprints(held["data"]["root-cert.pem"])

    eventually(lambda: set(trusted()) == set(fingerprints(roots)))
    named = [each for each in _findings(checkout) if each["status"] not in ("ok", "info")]
    assert {each["check"] for each in named} <= {"certificates"}, named
    for each in named:
        assert each["remedy"].startswith("kubectl rollout restart deployment/istio-ingressgateway")
    checkout.shell(
        f"kubectl rollout restart {' '.join(GATEWAY)}; "
        f"kubectl rollout status {' '.join(GATEWAY)} --timeout 60s"
    )
    eventually(lambda: {each["status"] for each in _findings(checkout)} <= {"ok", "info"})


def _findings(checkout: Checkout) -> list[dict[str, str]]:
    said = checkout.mesh("verify", "--json")
    return json.loads(said[said.index("{\n") :])["findings"]


def _istiods(checkout: Checkout) -> set[str]:
    listed = checkout.kubectl("get", "pods", "-n", "istio-system", "-l", "app=istiod")["items"]
    return {pod["metadata"]["uid"] for pod in listed if "deletionTimestamp" not in pod["metadata"]}


def _uid(checkout: Checkout, kind: str, name: str) -> str:
    listed = checkout.kubectl("get", kind, "-n", "istio-system")["items"]
    return next((o["metadata"]["uid"] for o in listed if o["metadata"]["name"] == name), "")


def _authority(folder: Path) -> dict[str, str]:
    """Make a root that signs by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a CA with")
    options = "-nodes -newkey rsa:2048 -days 400 -addext basicConstraints=critical,CA:true"
    files = "-keyout ca-key.pem -out ca-cert.pem -subj /CN=new"
    words = ["openssl", "req", "-x509", *options.split(), *files.split()]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return {name: (folder / name).read_text() for name in FILES[:2]}


def _files(issuer: dict[str, str], roots: str) -> dict[str, str]:
    return {**issuer, "cert-chain.pem": issuer["ca-cert.pem"], "root-cert.pem": roots}


def _set(checkout: Checkout, files: dict[str, str]) -> None:
    for name, pem in files.items():
        path = shlex.quote(f'cacerts["{name}"]')
        checkout.shell(f"pulumi config set --secret --path {path} -- {shlex.quote(pem)}")
