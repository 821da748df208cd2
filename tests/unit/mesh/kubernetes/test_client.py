"""The client of a cluster: an interrupted TLS handshake is tried again, other errors are not."""

from pathlib import Path

import httpx2
import pytest

from mesh.kubernetes import client
from tests.fakes.api_server import cluster_at

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
