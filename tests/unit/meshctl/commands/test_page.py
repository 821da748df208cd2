"""Bookinfo's page at the end of an `up`: its URL as this machine opens it, asked first."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from meshctl.commands import page
from meshctl.workspace.stack import Workspace
from sandbox.cluster import Sandbox
from tests.fakes.http_server import running

URL = "http://bookinfo.dev.localhost/productpage"


class Gateway(BaseHTTPRequestHandler):
    """A gateway that knows one host."""

    def do_GET(self) -> None:
        """Answer 200 for the host, 404 for all others."""
        self.send_response(200 if self.headers["Host"] == "bookinfo.dev.localhost" else 404)
        self.end_headers()


@pytest.fixture
def port() -> Iterator[int]:
    """Serve a gateway at a port of 127.0.0.1 that stands in for 80."""
    server = HTTPServer(("127.0.0.1", 0), Gateway)
    with running(server):
        yield server.server_port


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workspace:
    """Return a stack on a sandbox whose pods are processes."""
    monkeypatch.setattr("sandbox.cluster.HOME", tmp_path)
    monkeypatch.setattr(Workspace, "config", {})
    monkeypatch.setattr(Sandbox, "why_fake", None)
    monkeypatch.setattr(page, "PATIENCE", 0.5)
    return Workspace("dev", "default")


def open_way(workspace: Workspace, *local: int) -> None:
    """Write where the port 80 of each gateway is reached."""
    assert workspace.sandbox is not None
    workspace.sandbox.local_ports.parent.mkdir(parents=True)
    ports = [{"port": 80, "local": each} for each in local]
    workspace.sandbox.local_ports.write_text(json.dumps(ports))


def test_the_url_is_shown_once_it_answers(
    workspace: Workspace, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the port that stands in for the Service's; the gateway sees the stack's own host."""
    open_way(workspace, port)

    page.show(workspace, URL)

    told = f"http://bookinfo.dev.localhost:{port}/productpage answers 200"
    assert told in capsys.readouterr().err


def test_what_else_it_answers_is_told(
    workspace: Workspace,
    port: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And where to look for the reason."""
    open_way(workspace, port)

    page.show(workspace, "http://other.localhost/productpage")

    told = f"http://other.localhost:{port}/productpage answers 404: `make verify` may find"
    assert told in capsys.readouterr().err


def test_each_answer_is_told_of_the_url_that_gave_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two gateways may have the same port: the first one's answer is shown, not the last one's."""
    open_way(workspace, 8080, 8081)
    monkeypatch.setattr(page, "_ask", lambda place, _url: "503" if "8080" in place else "404")

    page.show(workspace, URL)

    told = "http://bookinfo.dev.localhost:8080/productpage answers 503: "
    assert told in capsys.readouterr().err


def test_a_sandbox_of_objects_says_why(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line: nobody opens a page that can't answer."""
    monkeypatch.setattr(Sandbox, "why_fake", "user namespaces are not allowed here")

    page.show(workspace, URL)

    told = f"nothing answers at {URL}: pods are only objects (user namespaces are not allowed here)"
    assert told in capsys.readouterr().err


def test_a_gateway_that_nothing_leads_to_says_how(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its Service may be of another type, or its pods only objects."""
    page.show(workspace, URL)

    told = capsys.readouterr().err
    assert f"nothing answers at {URL}" in told
    assert "`serviceType: LoadBalancer` in the setting gateways" in told


def test_other_clusters_are_not_asked(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their address may lead through a DNS and networks that this machine isn't in."""
    monkeypatch.setattr(Workspace, "config", {"mesh:context": "eu-1"})
    monkeypatch.setattr(page, "_ask", lambda *_: pytest.fail("it is asked"))

    page.show(workspace, URL)

    assert f"Bookinfo: {URL}, at the address of its gateway" in capsys.readouterr().err
