"""The client of a cluster: what it tries again, and what it says of errors."""

import base64
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pulumi
import pytest
import yaml
from lightkube.resources.core_v1 import Namespace

from mesh.kubernetes import client
from mesh.kubernetes.cluster import Cluster
from tests.fakes.api_server import cluster_at, serving
from traffic import certificates

DECODE_ERROR = "[SSL: TLSV1_ALERT_DECODE_ERROR] tlsv1 alert decode error (_ssl.c:1006)"


def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *errors: str) -> tuple[int, int]:
    """Send a request that fails with these errors first; return its status and its attempts."""
    left = [httpx2.ReadError(error) for error in errors]
    attempts: list[str] = []

    def handle(_: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        attempts.append(request.method)
        if left:
            raise left.pop(0)
        return httpx2.Response(200)

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", handle)
    with client.plain(cluster_at("http://127.0.0.1:1", tmp_path)) as connection:
        return client.ask(connection, "/version", {}).status_code, len(attempts)


def test_a_failed_handshake_is_tried_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A preview isn't refused for what the next attempt doesn't meet again."""
    assert asked(tmp_path, monkeypatch, DECODE_ERROR) == (200, 2)


@pytest.mark.parametrize(
    "errors",
    [
        [DECODE_ERROR, DECODE_ERROR],
        ["[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"],
        ["Connection refused"],
    ],
)
def test_any_other_error_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    """A second failure, and what another attempt would meet again."""
    with pytest.raises(httpx2.ReadError):
        asked(tmp_path, monkeypatch, *errors)


@pytest.mark.parametrize(("days", "told"), [(-91, "has expired"), (2, "is not yet valid")])
def test_a_certificate_out_of_its_time_asks_for_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, told: str
) -> None:
    """The server's may be right, and this machine's clock wrong."""
    clock = SimpleNamespace(now=lambda zone: datetime.now(zone) + timedelta(days=days))
    monkeypatch.setattr(certificates, "datetime", clock)
    pair = certificates.make("kube.internal", days=90)
    with serving(lambda _: (200, {}), pair) as url:
        target = cluster_at(url, tmp_path)
        (file,) = target.files
        content = yaml.safe_load(file.read_text())
        content["clusters"][0]["cluster"] = {
            "server": url,
            "tls-server-name": "kube.internal",
            "certificate-authority-data": base64.b64encode(pair.certificate.encode()).decode(),
        }
        file.write_text(yaml.safe_dump(content))

        said = _refused(target)

    assert told in said
    assert f"this machine's clock says {datetime.now():%Y}-" in said


def test_credentials_that_are_refused_may_be_out_of_their_time(tmp_path: Path) -> None:
    """The API server itself says only that they are refused."""
    answer = {"kind": "Status", "code": 401, "message": "Unauthorized"}
    with serving(lambda _: (401, answer)) as url:
        said = _refused(cluster_at(url, tmp_path))

    assert "Unauthorized (the kubeconfig's token or certificate isn't valid now" in said


def _refused(target: Cluster) -> str:
    with pytest.raises(pulumi.RunError) as caught, client.connect(target) as connection:
        connection.get(Namespace, "default")
    return str(caught.value)
