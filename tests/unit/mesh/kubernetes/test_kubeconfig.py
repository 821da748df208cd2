"""What Pulumi's plugin and kubectl can reach, the program's own checks can."""

import base64
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pulumi
import pytest
import yaml
from lightkube.core.exceptions import ConfigError

from mesh.kubernetes import client, cluster, kubeconfig
from mesh.kubernetes.cluster import Cluster
from tests.fakes.http_server import running

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a kubeconfig file."""

    def to(name: str, **content: Any) -> Path:
        file = tmp_path / name
        file.write_text(yaml.safe_dump(content))
        return file

    return to


def entries(what: str, **bodies: Any) -> list[dict[str, Any]]:
    """Name entries as a kubeconfig does."""
    return [{"name": name, what: body} for name, body in bodies.items()]


def by_program(tmp_path: Path, script: str, **more: Any) -> kubeconfig.Kubeconfig:
    """Return a kubeconfig whose user's credentials come from a program."""
    program = tmp_path / "get-token"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **more}}
    user["exec"].setdefault("command", str(program))
    return kubeconfig.Kubeconfig(
        clusters={"c": {"server": "https://k.example.com"}},
        contexts={"prod": {"cluster": "c", "user": "me"}},
        users={"me": user},
    )


def test_a_context_may_be_spread_over_files(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """As kubectl merges those of $KUBECONFIG: the first of two entries with a name holds."""
    first = write("first", contexts=entries("context", prod={"cluster": "c", "user": "me"}))
    second = write(
        "second",
        clusters=entries("cluster", c={"server": "https://k.example.com"}),
        users=entries("user", me={"client-certificate": "pki/me.crt", "client-key": "/pki/me.key"}),
        contexts=entries("context", prod={"cluster": "other"}),
    )
    monkeypatch.setenv("KUBECONFIG", f"{first}{os.pathsep}{second}")

    found = kubeconfig.read(Cluster(context="prod").files).connection("prod")

    assert found.cluster.server == "https://k.example.com"
    assert found.user is not None
    # Relative to its own file, wherever the command runs.
    assert (found.user.client_cert, found.user.client_key) == (
        str(second.parent / "pki/me.crt"),
        "/pki/me.key",
    )


def test_a_named_file_needs_no_other_beside_it(write: Write) -> None:
    """Upstream's plugin reads its relative paths in the project, kubectl beside the file.

    provider/pkg/provider/provider.go, Configure: it loads what is in the file, and not the file.
    """
    clusters = {
        "away": {"server": "https://a.example.com", "certificate-authority": "ca.crt"},
        "near": {"server": "https://n.example.com", "certificate-authority": "/pki/ca.crt"},
    }
    contexts = {"away": {"cluster": "away"}, "near": {"cluster": "near"}}
    file = write(
        "team config",
        clusters=entries("cluster", **clusters),
        contexts=entries("context", **contexts),
    )

    assert cluster.named("near", file).context == "near"
    flatten = f"ca.crt: .*--kubeconfig '{file}' config view --raw --flatten"
    with pytest.raises(pulumi.RunError, match=flatten):
        cluster.named("away", file)


def test_empty_sections_are_none(write: Write) -> None:
    """`kubectl config` writes null where there is nothing."""
    file = write(
        "file",
        clusters=entries("cluster", c={"server": "https://k.example.com"}),
        contexts=entries("context", prod={"cluster": "c"}),
        users=None,
    )

    assert kubeconfig.read([file]).connection("prod").user is not None


def test_a_program_of_todays_protocol_is_asked(tmp_path: Path) -> None:
    """Version v1, with what client-go tells the program, the cluster where it wants that."""
    said = by_program(
        tmp_path,
        f'printf %s "$KUBERNETES_EXEC_INFO" > {tmp_path}/info\n'
        """printf '{"status": {"token": "%s-%s"}}' "$1" "$REGION" """,
        args=["mine"],
        env=[{"name": "REGION", "value": "eu"}],
        provideClusterInfo=True,
    )

    found = said.connection("prod").user

    assert found is not None
    assert found.token == "mine-eu"  # noqa: S105 - no secret
    info = json.loads((tmp_path / "info").read_text())
    assert info["apiVersion"] == "client.authentication.k8s.io/v1"
    assert info["spec"] == {"interactive": False, "cluster": {"server": "https://k.example.com"}}


def test_a_program_may_give_a_certificate(tmp_path: Path) -> None:
    """Where others give a token."""
    status = {"clientCertificateData": "-----CERT", "clientKeyData": "-----KEY"}

    found = by_program(tmp_path, f"echo '{json.dumps({'status': status})}'").connection("prod").user

    assert found is not None
    assert base64.b64decode(found.client_cert_data or "") == b"-----CERT"
    assert base64.b64decode(found.client_key_data or "") == b"-----KEY"


@pytest.mark.parametrize(("seconds", "fetched"), [(None, 1), (3600, 1), (30, 2), (-3600, 2)])
def test_credentials_are_kept_until_they_end(
    tmp_path: Path, seconds: int | None, fetched: int
) -> None:
    """A minute before their end they are fetched anew; without an end, once for a command."""
    end = datetime.now(UTC) + timedelta(seconds=seconds or 0)
    status = {"token": "mine", **({"expirationTimestamp": end.isoformat()} if seconds else {})}
    credential = json.dumps({"status": status})
    said = by_program(tmp_path, f"echo >> {tmp_path}/runs; echo '{credential}'")

    for _ in range(2):
        user = said.connection("prod").user
        assert user is not None
        assert user.token == "mine"  # noqa: S105 - no secret

    assert len((tmp_path / "runs").read_text().splitlines()) == fetched


@pytest.mark.parametrize(
    ("script", "more", "told"),
    [
        ("echo session expired >&2; exit 255", {}, "failed: session expired"),
        ("exit 3", {}, "failed: exit code 3"),
        ("printf '\\377' >&2; exit 1", {}, "failed: \ufffd"),
        ("sleep 60", {}, "get-token, which fetches credentials, doesn't end within 0.2 s"),
        ("echo top-secret", {}, "get-token printed no credentials"),
        ("printf '\\377'", {}, "get-token printed no credentials"),
        ("""echo '{"status": null}'""", {}, "get-token printed no credentials"),
        ("""echo '{"status": "top-secret"}'""", {}, "get-token printed no credentials"),
        ("""echo '{"status": {"token": ["top-secret"]}}'""", {}, "printed no credentials"),
        (
            """echo '{"status": {"token": "top-secret", "expirationTimestamp": "soon"}}'""",
            {},
            "get-token printed no credentials",
        ),
        ("""echo '{"status": {}}'""", {}, "get-token printed neither a token nor a certificate"),
        ("", {"command": "no-such-program", "installHint": "get it"}, "isn't on PATH; get it"),
        ("", {"command": "/"}, "/, which fetches credentials, can't be run"),
        ("", {"command": None}, "the kubeconfig is wrong: Expected `str`, got `null`"),
        ("", {"args": "token"}, "the kubeconfig is wrong: Expected `array | null`, got `str`"),
        ("", {"args": ["a\0b"]}, "can't be run: embedded null byte"),
        ("", {"env": [{"name": "REGION"}]}, "missing required field `value`"),
    ],
)
def test_a_program_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, more: dict[str, Any], told: str
) -> None:
    """With what it said to people; never with what it printed, which may be a token."""
    monkeypatch.setattr(kubeconfig, "PATIENCE", 0.2)

    with pytest.raises(ConfigError) as caught:
        by_program(tmp_path, script, **more).connection("prod")

    assert told in str(caught.value)
    assert "top-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"contexts": entries("context", prod={"cluster": "gone"})}, "no cluster 'gone'"),
        (
            {
                "contexts": entries("context", prod={"cluster": "c"}),
                "clusters": entries("cluster", c={"server": 7}),
            },
            "the kubeconfig is wrong: Expected `str`, got `int`",
        ),
    ],
)
def test_what_is_wrong_in_a_kubeconfig_is_one_message(
    write: Write, content: dict[str, Any], told: str
) -> None:
    """No traceback of a parser."""
    target = Cluster(kubeconfig=write("file", **content), context="prod")

    with pytest.raises(pulumi.RunError, match=told), client.connect(target):
        pass


def test_a_clusters_proxy_is_used(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kubeconfig says it: many clusters are reached in no other way."""
    given: list[str] = []
    monkeypatch.setattr(
        client.client_adapter, "Client", lambda _, options: given.append(options.proxy)
    )
    server = {"server": "https://k.example.com", "proxy-url": "http://bastion.example.com:3128"}
    file = write(
        "file",
        clusters=entries("cluster", c=server),
        contexts=entries("context", prod={"cluster": "c"}),
    )

    client.plain(Cluster(kubeconfig=file, context="prod"))

    assert given == ["http://bastion.example.com:3128"]


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve /version on loopback by a certificate for kube.internal; return where, and its CA."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    what = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kube.internal"]
    named = ("-addext", "subjectAltName=DNS:kube.internal", "-keyout", key, "-out", certificate)
    subprocess.run(["openssl", *what, *named], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Version)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server):
        yield f"https://127.0.0.1:{server.server_port}", certificate


class Version(BaseHTTPRequestHandler):
    """Answers as every API server does."""

    def do_GET(self) -> None:
        """Tell a version, whatever was asked for."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"gitVersion": "v1.36.3"}')

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output quiet."""


def test_a_cluster_may_be_reached_by_another_name(write: Write, tls: tuple[str, Path]) -> None:
    """Behind a tunnel, the certificate is for the name that the kubeconfig says."""
    address, authority = tls
    server = {"server": address, "certificate-authority": authority.name}
    file = write(
        "file",
        clusters=entries("cluster", c={**server, "tls-server-name": "kube.internal"}, d=server),
        contexts=entries("context", prod={"cluster": "c"}, other={"cluster": "d"}),
    )

    target = Cluster(kubeconfig=file, context="prod")
    assert client.kubernetes_version(target) == "v1.36.3"
    with pytest.raises(httpx2.ConnectError, match="IP address mismatch"):
        client.kubernetes_version(Cluster(kubeconfig=file, context="other"))
