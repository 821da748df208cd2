"""HTTPS as it is served: read by a handshake with a server that a test starts."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from mesh.validation import config
from meshctl.verify import https
from meshctl.verify.snapshot import Finding, Snapshot
from tests.fakes.mesh import running_mesh
from traffic.certificates import Pair, make

HOST = "bookinfo.example.com"
Serve = Callable[[Pair | None], int]
SERVICE = {
    "metadata": {"namespace": "istio-system", "name": "istio-ingressgateway"},
    "status": {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}},
}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers on loopback: with TLS and a certificate, or with none of both."""
    listening: list[socket.socket] = []

    def start(pair: Pair | None) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)
        context = None
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            (tmp_path / "crt").write_text(pair.certificate)
            (tmp_path / "key").write_text(pair.key)
            context.load_cert_chain(tmp_path / "crt", tmp_path / "key")

        def answer() -> None:
            try:
                connection, _ = server.accept()
                if context is None:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                else:
                    connection = context.wrap_socket(connection, server_side=True)
                connection.recv(1)
                connection.close()
            except OSError:
                pass  # the client has seen enough

        threading.Thread(target=answer, daemon=True).start()
        return server.getsockname()[1]

    yield start
    for server in listening:
        server.close()


def check(configure: Callable[..., None], port: int) -> Finding:
    """Check a stack whose gateway has this port, at 127.0.0.1."""
    tls = {"name": "https", "port": port, "tls": {"credentialName": "own"}}
    configure(bookinfoHost=HOST, gateways=json.dumps([{"ports": [tls]}]))
    snapshot = cast("Snapshot", SimpleNamespace(services=[SERVICE], mesh=running_mesh()))
    (finding,) = https.check(snapshot, config.read_settings())
    assert finding.subject == "istio-system/istio-ingressgateway https"
    return finding


@pytest.mark.parametrize(
    ("pair", "status", "found"),
    [
        (make(HOST, days=90), "ok", f"{HOST} until 20"),
        (make(HOST, days=20), "warning", "its certificate ends on 20"),
        (make(HOST, days=-2), "wrong", "has a certificate that ended on 20"),
        (make("*.test"), "wrong", f"has a certificate for *.test, not for {HOST}"),
        (None, "wrong", f"no TLS for {HOST} at 127.0.0.1:"),
    ],
)
def test_what_is_served_is_read(
    configure: Callable[..., None], serve: Serve, pair: Pair | None, status: str, found: str
) -> None:
    """The certificate's host and end, whoever signed it; and a port that speaks no TLS."""
    finding = check(configure, serve(pair))

    assert finding.status == status
    assert found in finding.found
    assert bool(finding.remedy) == (status != "ok")


def test_a_connection_that_is_reset_is_wrong(configure: Callable[..., None]) -> None:
    """So does Envoy with a host that it has no certificate for."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reset() -> None:
            connection, _ = server.accept()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

        threading.Thread(target=reset, daemon=True).start()
        finding = check(configure, server.getsockname()[1])

    assert finding.status == "wrong"
    assert f"no TLS for {HOST}" in finding.found


def test_a_platform_is_asked_for_its_apps_hosts(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gateway knows no other; without an app stack there is nothing to ask for."""
    ports = [{"name": "https", "port": 443, "tls": {"credentialName": "own"}}]
    configure(mode="platform", gateways=json.dumps([{"ports": ports}]))
    asked = []
    monkeypatch.setattr(https, "_handshake", lambda *each: asked.append(each[2]) or b"")

    for hosts in ({}, {"ann": "ann.test", "bob": "bob.test"}):
        mesh = running_mesh(hosts=hosts)
        snapshot = cast("Snapshot", SimpleNamespace(services=[SERVICE], mesh=mesh))
        findings = list(https.check(snapshot, config.read_settings()))
        assert [each.status for each in findings] == ["wrong"] * len(hosts), "no certificate"

    assert asked == ["ann.test", "bob.test"]


def test_an_address_out_of_reach_is_no_fault(
    configure: Callable[..., None], unused_port: int
) -> None:
    """A private load balancer isn't reached from a laptop: that says nothing of the gateway."""
    finding = check(configure, unused_port)

    assert finding.status == "warning"
    assert "can't be reached from here: Connection refused" in finding.found


@pytest.fixture
def unused_port() -> int:
    """Return a port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
