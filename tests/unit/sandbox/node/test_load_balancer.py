"""The load balancer: where this machine reaches a Service, and which pod answers."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Service

from sandbox.node.load_balancer import LoadBalancer
from sandbox.node.relay import Relays

ADDRESS = "127.130.0.9"
EVENTS: Any = SimpleNamespace(tell=lambda *_: None)


@dataclass
class FreeSockets:
    """Sockets without rules, whose 127.0.0.1 has some ports taken."""

    taken: set[int] = field(default_factory=set)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def listen(self, address: str, port: int) -> socket.socket:
        """Return a listening socket."""
        self.asked.append((address, port))
        if port in self.taken:
            raise OSError("Address already in use")
        # The address under test alone: a machine may use any port of 127.0.0.1.
        return socket.create_server((ADDRESS if address == ADDRESS else "127.130.0.10", port))


@pytest.fixture
def application() -> Iterator[int]:
    """Serve what answers with its bytes in capitals, and return its port."""
    with socket.create_server((ADDRESS, 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    said = b""
                    while chunk := connection.recv(100):
                        said += chunk
                    connection.sendall(said.upper())

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]


def service(*ports: int, kind: str = "LoadBalancer") -> Service:
    """Return a gateway's Service."""
    return Service(
        metadata=ObjectMeta(name="gateway", namespace="istio-system"),
        spec=ServiceSpec(
            clusterIP=ADDRESS,
            type=kind,
            selector={"istio": "gateway"},
            ports=[ServicePort(port=port, targetPort="http") for port in ports],
        ),
    )


def pod(port: int, *, is_ready: bool = True, label: str = "gateway") -> Any:
    """Return a pod of the gateway, whose port http has a number."""
    metadata = ObjectMeta(namespace="istio-system", labels={"istio": label})
    return SimpleNamespace(
        pod=SimpleNamespace(metadata=metadata),
        is_ready=is_ready,
        address=ADDRESS,
        port=lambda target: port if target == "http" else None,
    )


def ask(address: str, port: int) -> bytes:
    """Send some bytes and end, then return what comes back."""
    with socket.create_connection((address, port), timeout=5) as connection:
        # The other end may have closed it by now.
        with suppress(OSError):
            connection.sendall(b"hello")
            connection.shutdown(socket.SHUT_WR)
        return connection.recv(100)


def is_closed(address: str, port: int) -> bool:
    """Return whether nothing listens, once the relays' thread has closed it."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            ask(address, port)
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            continue
    return False


def test_a_pod_that_is_ready_is_reached_at_both_addresses(tmp_path: Path, application: int) -> None:
    """By the number that the pod gives the Service's target port."""
    load_balancer = LoadBalancer(FreeSockets(), Relays(), tmp_path / "ports", EVENTS)  # ty: ignore[invalid-argument-type]

    load_balancer.reconcile([service(18080)], [pod(1, is_ready=False), pod(application)])

    assert ask(ADDRESS, 18080) == ask("127.130.0.10", 18080) == b"HELLO"
    [port] = json.loads((tmp_path / "ports").read_text())
    assert (port["port"], port["local"]) == (18080, 18080)


def test_a_port_that_is_taken_gets_a_stand_in(tmp_path: Path, application: int) -> None:
    """At 127.0.0.1, and the file says which."""
    sockets = FreeSockets(taken={18081, 26081})
    load_balancer = LoadBalancer(sockets, Relays(), tmp_path / "ports", EVENTS)  # ty: ignore[invalid-argument-type]

    load_balancer.reconcile([service(18081)], [pod(application)])

    [port] = json.loads((tmp_path / "ports").read_text())
    assert port["local"] == 26082


def test_an_address_that_is_taken_is_told_and_tried_again(tmp_path: Path, application: int) -> None:
    """Once, in the Service's events, with what shows who has it; 127.0.0.1 works meanwhile."""
    told: list[tuple[str, str]] = []
    events: Any = SimpleNamespace(tell=lambda _about, _kind, *said: told.append(said))
    load_balancer = LoadBalancer(FreeSockets(), Relays(), tmp_path / "ports", events)  # ty: ignore[invalid-argument-type]
    pods = [pod(application)]

    with socket.create_server((ADDRESS, 18087)):
        for _ in range(2):
            load_balancer.reconcile([service(18087)], pods)
        assert ask("127.130.0.10", 18087) == b"HELLO"
    load_balancer.reconcile([service(18087)], pods)

    [(reason, message)] = told
    assert reason == "SyncLoadBalancerFailed"
    assert f"`ss -ltnp src {ADDRESS}` shows" in message
    assert ask(ADDRESS, 18087) == b"HELLO"


def test_a_port_that_this_user_may_not_have_says_what_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens there: to look for it would be in vain."""
    told: list[str] = []
    events: Any = SimpleNamespace(tell=lambda *said: told.append(said[-1]))

    def refused(_self: FreeSockets, _address: str, _port: int) -> socket.socket:
        raise OSError("Permission denied")

    monkeypatch.setattr(FreeSockets, "listen", refused)
    load_balancer = LoadBalancer(FreeSockets(), Relays(), tmp_path / "ports", events)  # ty: ignore[invalid-argument-type]

    load_balancer.reconcile([service(80)], [pod(1)])

    assert "`sudo sysctl net.ipv4.ip_unprivileged_port_start=80` allows it" in told[0]


def test_a_port_without_any_stand_in_is_told(tmp_path: Path) -> None:
    """Else the page's URL would be missing for no reason that anybody sees."""
    told: list[str] = []
    events: Any = SimpleNamespace(tell=lambda *said: told.append(said[-1]))
    sockets = FreeSockets(taken={18089, *range(26089, 26109)})
    load_balancer = LoadBalancer(sockets, Relays(), tmp_path / "ports", events)  # ty: ignore[invalid-argument-type]

    for _ in range(2):
        load_balancer.reconcile([service(18089)], [pod(1)])

    [_, local] = told
    assert local.startswith("127.0.0.1:18089 and 26089 to 26108 can't be listened on: Address alre")


def test_without_a_pod_that_is_ready_a_connection_is_closed(tmp_path: Path) -> None:
    """At once: nobody waits for an answer that can't come."""
    load_balancer = LoadBalancer(FreeSockets(), Relays(), tmp_path / "ports", EVENTS)  # ty: ignore[invalid-argument-type]

    load_balancer.reconcile([service(18082)], [pod(1, is_ready=False)])

    with suppress(ConnectionResetError):
        assert ask(ADDRESS, 18082) == b""


def test_nothing_listens_for_others(tmp_path: Path, application: int) -> None:
    """Neither for Services inside the cluster, nor for gateways whose pods are fake."""
    sockets = FreeSockets()
    load_balancer = LoadBalancer(sockets, Relays(), tmp_path / "ports", EVENTS)  # ty: ignore[invalid-argument-type]

    load_balancer.reconcile([service(18083, kind="ClusterIP")], [pod(application)])
    load_balancer.reconcile([service(18083)], [pod(application, label="other")])

    assert sockets.asked == []


def test_a_deleted_service_is_reached_no_more(tmp_path: Path, application: int) -> None:
    """Its ports are free for another one."""
    load_balancer = LoadBalancer(FreeSockets(), Relays(), tmp_path / "ports", EVENTS)  # ty: ignore[invalid-argument-type]
    load_balancer.reconcile([service(18084)], [pod(application)])
    assert ask(ADDRESS, 18084) == b"HELLO"

    load_balancer.reconcile([], [])

    assert json.loads((tmp_path / "ports").read_text()) == []
    assert is_closed(ADDRESS, 18084)


def test_the_file_is_whole_for_who_reads_it_meanwhile(tmp_path: Path, application: int) -> None:
    """It is replaced, not written anew: `make up` looks where the page is."""
    load_balancer = LoadBalancer(FreeSockets(), Relays(), tmp_path / "ports", EVENTS)  # ty: ignore[invalid-argument-type]
    load_balancer.reconcile([service(18085)], [pod(application)])

    with (tmp_path / "ports").open() as read_meanwhile:
        load_balancer.reconcile([], [])
        [port] = json.load(read_meanwhile)

    assert port["port"] == 18085


def test_a_connection_that_a_deleted_service_has_taken_is_closed(tmp_path: Path) -> None:
    """It came in just before the Service was gone."""
    dials: list[Any] = []
    relays: Any = SimpleNamespace(start=lambda _, dial: dials.append(dial) or (lambda: None))
    load_balancer = LoadBalancer(FreeSockets(), relays, tmp_path / "ports", EVENTS)  # ty: ignore[invalid-argument-type]
    load_balancer.reconcile([service(18086)], [pod(1)])

    load_balancer.reconcile([], [])

    with pytest.raises(OSError, match="service istio-system/gateway is deleted"):
        dials[0]((ADDRESS, 18086))
