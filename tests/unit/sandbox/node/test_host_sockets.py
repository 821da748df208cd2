"""Sockets of the machine's network: what the pods' network reaches."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Network

import pytest

from sandbox.node.host_sockets import ISTIOD_PORT, HostSockets, HostSocketsClient

SERVICES = IPv4Network("127.130.0.0/16")


@pytest.fixture
def api_server() -> Iterator[socket.socket]:
    """Listen where the API server would."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def sockets(api_server: socket.socket) -> Iterator[HostSocketsClient]:
    """Return the node's side of the channel."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    host = HostSockets(api_server=api_server.getsockname(), services=SERVICES)
    serving = threading.Thread(target=host.serve, args=(ours,))
    serving.start()
    yield HostSocketsClient(theirs)
    theirs.close()
    serving.join()
    ours.close()


def test_the_api_server_is_reached(sockets: HostSocketsClient, api_server: socket.socket) -> None:
    """By a connection that was made outside."""
    with sockets.connect(*api_server.getsockname()) as connection, api_server.accept()[0] as theirs:
        theirs.sendall(b"hello")
        assert connection.recv(5) == b"hello"


def test_an_istiod_is_reached(sockets: HostSocketsClient) -> None:
    """On the one port that its proxies use."""
    with socket.create_server(("127.130.7.9", ISTIOD_PORT)), sockets.connect("127.130.7.9", 15012):
        pass


@pytest.mark.parametrize(
    ("address", "port"),
    [("127.0.0.1", 22), ("127.130.7.9", 443), ("192.0.2.1", ISTIOD_PORT), ("127.131.0.1", 15012)],
)
def test_nothing_else_is_reached(sockets: HostSocketsClient, address: str, port: int) -> None:
    """No other service of this machine, none of istiod's other ports, and nothing beyond."""
    with pytest.raises(OSError, match=f"the node may not connect to {address}:{port}"):
        sockets.connect(address, port)


def test_it_listens_on_loopback_only(sockets: HostSocketsClient) -> None:
    """At Services' addresses and at 127.0.0.1."""
    sockets.listen("127.130.7.9", 18080).close()
    sockets.listen("127.0.0.1", 0).close()

    with pytest.raises(OSError, match=r"may not listen to 0\.0\.0\.0:18080"):
        sockets.listen("0.0.0.0", 18080)  # noqa: S104 - what must be refused


@pytest.mark.parametrize(
    ("address", "port", "why"),
    [("127.0.0.1", 65536, "0-65535"), ("None", 80, "'None' does not appear to be an IPv4")],
)
def test_no_request_ends_it(sockets: HostSocketsClient, address: str, port: int, why: str) -> None:
    """As for a port that stands in for a high one: the next request is answered as ever."""
    with pytest.raises(OSError, match=why):
        sockets.listen(address, port)

    sockets.listen("127.0.0.1", 0).close()
