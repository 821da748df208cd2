"""The kubelet's API: whom it answers, which logs, and how a program's end is told."""

import datetime
import json
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Request

from sandbox.node import kubelet_api
from sandbox.node.kubelet_api import Command, KubeletApi, Log, RefusedError
from sandbox.node.relay import Relays


class Containers:
    """One container, app, whose log and programs are a test's."""

    def __init__(self, folder: Path) -> None:
        self.file, self.goes_on = folder / "app.log", False

    def log(self, namespace: str, pod: str, container: str, *, previous: bool) -> Log:
        """Return the log of the one container."""
        if (namespace, pod, container) != ("bookinfo", "details", "app"):
            raise RefusedError(f"container {container} is no process")
        file = self.file.with_suffix(".previous") if previous else self.file
        return Log(file, lambda: self.goes_on)

    def command(self, namespace: str, pod: str, container: str, words: Sequence[str]) -> Command:
        """Run a program as it is."""
        return Command(words, {"PATH": os.environ["PATH"], "WHERE": f"{namespace}/{pod}"})


def certificate(folder: Path, name: str, issuer: tuple[Any, Any] | None = None) -> tuple[Any, Any]:
    """Write a certificate and its key, signed by an issuer or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, signing = issuer or (None, key)
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(signing, hashes.SHA256())
    (folder / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made, key


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as kwok's: a CA and what it signed, for the API server and for somebody."""
    folder = tmp_path_factory.mktemp("pki")
    authority = certificate(folder, "ca")
    certificate(folder, "admin", authority)
    certificate(folder, "jane", authority)
    return folder


@pytest.fixture
def containers(tmp_path: Path) -> Containers:
    """Return the one container."""
    return Containers(tmp_path)


@pytest.fixture
def port(pki: Path, containers: Containers) -> Iterator[int]:
    """Serve the API, and return its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    number = listening.getsockname()[1]
    api, relays = KubeletApi(containers), Relays()
    server = relays.run(api.serve(listening, kubelet_api.tls(pki)))
    yield number
    server.get_loop().call_soon_threadsafe(server.close)


def client_tls(pki: Path, name: str | None) -> ssl.SSLContext:
    """Return the TLS of a client that trusts the CA, with a certificate or without."""
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    if name is not None:
        context.load_cert_chain(pki / f"{name}.crt", pki / f"{name}.key")
    return context


def get(pki: Path, port: int, query: str = "", *, name: str | None = "admin") -> httpx2.Response:
    """Ask for the container's log."""
    url = f"https://localhost:{port}/containerLogs/bookinfo/details/app{query}"
    return httpx2.get(url, verify=client_tls(pki, name), trust_env=False, timeout=5)


@pytest.mark.parametrize("name", [None, "jane"])
def test_nobody_but_the_api_server_is_answered(
    pki: Path, port: int, containers: Containers, name: str | None
) -> None:
    """Neither who has no certificate, nor who has another one of the cluster's CA."""
    containers.file.write_text("secret\n")

    with pytest.raises(httpx2.TransportError):
        get(pki, port, name=name)

    assert get(pki, port).text == "secret\n"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", "one\ntwo\nthree"),
        ("?tailLines=2", "two\nthree"),
        ("?tailLines=0", ""),
        ("?tailLines=9", "one\ntwo\nthree"),
        ("?limitBytes=5", "one\nt"),
        ("?previous=true", "before\n"),
    ],
)
def test_a_log_is_shown(
    pki: Path, port: int, containers: Containers, query: str, shown: str
) -> None:
    """All of it, its end, its beginning, or that of the program before."""
    containers.file.write_text("one\ntwo\nthree")
    containers.file.with_suffix(".previous").write_text("before\n")

    assert get(pki, port, query).text == shown


def test_a_log_is_followed_until_its_program_ends(
    pki: Path, port: int, containers: Containers
) -> None:
    """What is written meanwhile is shown, too."""
    containers.file.write_text("one\n")
    containers.goes_on = True

    def write() -> None:
        time.sleep(0.3)
        with containers.file.open("a") as log:
            log.write("two\n")
        containers.goes_on = False

    threading.Thread(target=write).start()

    assert get(pki, port, "?follow=true").text == "one\ntwo\n"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("?sinceSeconds=60", "the logs of a sandbox's pods have no times: got sinceSeconds"),
        ("?previous=true", "there is no log: the container wasn't started, or not twice"),
        ("?tailLines=many", "invalid literal"),
    ],
)
def test_a_log_that_cannot_be_shown_says_why(
    pki: Path, port: int, containers: Containers, query: str, why: str
) -> None:
    """With the status from which kubectl shows the text."""
    containers.file.write_text("one\n")

    answer = get(pki, port, query)

    assert answer.status_code == 400
    assert why in answer.text


class Session:
    """What a program answers by the channels of Kubernetes."""

    def __init__(self, pki: Path, port: int, query: str) -> None:
        self._raw = socket.create_connection(("127.0.0.1", port), timeout=10)
        context = client_tls(pki, "admin")
        self._tls = context.wrap_socket(self._raw, server_hostname="localhost")
        self._socket = WSConnection(ConnectionType.CLIENT)
        self.said: dict[int, bytes] = {}
        target = f"/exec/bookinfo/details/app?{query}"
        wanted = Request(host="localhost", target=target, subprotocols=["v5.channel.k8s.io"])
        self._tls.sendall(self._socket.send(wanted))
        self.is_open = True
        while self._socket.state is ConnectionState.CONNECTING:
            self._hear()

    def put(self, channel: int, data: bytes) -> None:
        """Send a message."""
        self._tls.sendall(self._socket.send(BytesMessage(data=bytes([channel]) + data)))

    def listen(self) -> dict[int, bytes]:
        """Return all that is said until the end, by channel."""
        while self.is_open:
            self._hear()
        return self.said

    def _hear(self) -> None:
        self._socket.receive_data(self._tls.recv(65536))
        for event in self._socket.events():
            if isinstance(event, BytesMessage):
                channel = event.data[0]
                self.said[channel] = self.said.get(channel, b"") + event.data[1:]
            self.is_open = not isinstance(event, CloseConnection)

    def leave(self) -> None:
        """Go without a word."""
        self._tls.close()


def words(*arguments: str) -> str:
    """Return a command as kubectl's query has it."""
    return str(httpx2.QueryParams([("command", each) for each in arguments]))


def test_a_program_answers_with_its_output_and_code(pki: Path, port: int) -> None:
    """On the channels of kubectl, in the environment of its container."""
    script = 'echo "$WHERE"; echo no >&2; exit 3'

    said = Session(pki, port, f"{words('sh', '-c', script)}&output=1&error=1").listen()

    assert (said[1], said[2]) == (b"bookinfo/details\n", b"no\n")
    status = json.loads(said[3])
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]


def test_a_program_gets_its_input(pki: Path, port: int) -> None:
    """Until kubectl says that there is no more."""
    session = Session(pki, port, f"{words('tr', 'a-z', 'A-Z')}&input=1&output=1")
    session.put(0, b"hello")
    session.put(255, b"\0")

    said = session.listen()

    assert said[1] == b"HELLO"
    assert json.loads(said[3])["status"] == "Success"


def test_a_program_gets_a_terminal(pki: Path, port: int) -> None:
    """With the size of kubectl's own."""
    session = Session(
        pki, port, f"{words('sh', '-c', 'read go; stty size')}&input=1&output=1&tty=1"
    )
    session.put(4, json.dumps({"Width": 99, "Height": 33}).encode())
    session.put(0, b"\n")

    assert b"33 99" in session.listen()[1]


def test_a_program_ends_when_nobody_listens(pki: Path, port: int, tmp_path: Path) -> None:
    """A closed terminal leaves no process behind."""
    file = tmp_path / "pid"
    script = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    session = Session(pki, port, f"{words(sys.executable, '-c', script)}&output=1")
    wait_for(lambda: file.exists() and file.read_text() != "")
    pid = int(file.read_text())

    session.leave()

    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def test_other_clients_are_told_what_is_needed(pki: Path, port: int) -> None:
    """A kubectl that speaks SPDY, and what isn't there at all."""
    with httpx2.Client(verify=client_tls(pki, "admin"), trust_env=False) as client:
        spdy = client.post(
            f"https://localhost:{port}/exec/bookinfo/details/app?command=ls",
            headers={"Connection": "Upgrade", "Upgrade": "SPDY/3.1"},
        )
        forward = client.get(f"https://localhost:{port}/portForward/bookinfo/details")

    assert "use kubectl 1.31 or newer" in spdy.text
    assert forward.text == "a sandbox's node has no portForward, only logs and exec"


def wait_for(condition: Any) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.05)
