"""An API server on a free port of loopback, which answers as a test tells it."""

import json
import ssl
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import yaml

from mesh.kubernetes.cluster import Cluster
from tests.fakes.http_server import running
from traffic.certificates import Pair


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    body: dict[str, Any]


Answer = tuple[int, dict[str, Any]]
"""A status, and an object."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 64  # several at a time: one that is dropped comes again a second later

    def __init__(self, answer: Callable[[Request], Answer], pair: Pair | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(pair.certificate + pair.key)
                file.flush()
                context.load_cert_chain(file.name)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep the test's output quiet when a client doesn't trust the certificate."""


class _Handler(BaseHTTPRequestHandler):
    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        status, answer = cast("_Server", self.server).answer(
            Request(
                method=self.command, path=self.path, headers=dict(self.headers.items()), body=body
            )
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - as http.server asks

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output quiet."""


@contextmanager
def serving(answer: Callable[[Request], Answer], pair: Pair | None = None) -> Generator[str]:
    """Serve, over TLS if there is a certificate, and yield the server's address."""
    server = _Server(answer, pair)
    with running(server):
        yield f"{'https' if pair else 'http'}://127.0.0.1:{server.server_port}"


def cluster_at(url: str, folder: Path) -> Cluster:
    """Write a kubeconfig whose context `test` leads to a server."""
    file = folder / "kubeconfig"
    # No client reads the machine's CA certificates: over plain HTTP it would be for nothing.
    server = {"server": url, "insecure-skip-tls-verify": True}
    content = {
        "clusters": [{"name": "c", "cluster": server}],
        "contexts": [{"name": "test", "context": {"cluster": "c"}}],
    }
    file.write_text(yaml.safe_dump(content))
    return Cluster(kubeconfig=file, context="test")
