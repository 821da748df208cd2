"""The load balancer: listens on loopback addresses of this machine for LoadBalancer Services."""

import errno
import itertools
import json
import logging
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from lightkube.models.core_v1 import ServicePort
from lightkube.resources.core_v1 import Service

from sandbox.events import Events
from sandbox.node.host_sockets import LOOPBACK, HostSocketsClient
from sandbox.node.pod import RealPod
from sandbox.node.relay import Dial, Relays

log = logging.getLogger("node")

STATUS_PORT = 15021
"""The gateway's port for the load balancer's probes, of no use at 127.0.0.1."""
INSTEAD = 8000
"""What is added to a port of 127.0.0.1 that isn't free: 8080 stands in for 80."""
TRIES = 20
DIAL_SECONDS = 5.0
"""The time in which a pod must take a connection."""


class Key(NamedTuple):
    """A port of a Service."""

    namespace: str
    service: str
    address: str
    port: int


class LoadBalancer:
    """What listens for the LoadBalancer Services whose pods run here.

    Each listens on the Service's own address, and on 127.0.0.1, where `*.localhost` leads to.
    """

    def __init__(
        self, sockets: HostSocketsClient, relays: Relays, file: Path, events: Events
    ) -> None:
        """Set where to get sockets, and the file that says where each Service is reached."""
        self._sockets, self._relays, self._file, self._events = sockets, relays, file, events
        self._ends: dict[Key, Callable[[], None]] = {}
        """What ends listening at each Service's own address."""
        self._local: dict[Key, tuple[int, Callable[[], None]]] = {}
        """The port of 127.0.0.1, and what ends listening there."""
        self._failures: dict[tuple[Key, str], str] = {}
        """Why each Service has no socket at an address."""
        self._turn = itertools.count()
        self._pods: list[RealPod] = []
        self._wanted: dict[Key, tuple[Service, ServicePort]] = {}

    def reconcile(self, services: Iterable[Service], pods: Iterable[RealPod]) -> None:
        """Listen for new Services, and no more for deleted ones."""
        self._pods = list(pods)
        self._wanted = {
            Key(
                str(service.metadata.namespace),
                str(service.metadata.name),
                str(service.spec.clusterIP),
                port.port,
            ): (service, port)
            for service in services
            if service.spec.type == "LoadBalancer" and any(self._behind(service))
            for port in service.spec.ports or []
        }
        for key in set(self._ends) - set(self._wanted):
            self._ends.pop(key)()
        for key in set(self._local) - set(self._wanted):
            self._local.pop(key)[1]()
        for key in sorted(self._wanted):
            if key not in self._ends:
                self._listen(key)
            if key not in self._local and key.port != STATUS_PORT:
                self._listen_locally(key)
        self._write()

    def _listen(self, key: Key) -> None:
        try:
            listening = self._sockets.listen(key.address, key.port)
        except OSError as error:
            self._fail(key, key.address, str(key.port), error)
        else:
            self._ends[key] = self._relays.start(listening, self._dial(key))

    def _listen_locally(self, key: Key) -> None:
        first = key.port + INSTEAD
        for number in (key.port, *range(first, first + TRIES)):
            try:
                listening = self._sockets.listen(LOOPBACK, number)
            except OSError as error:
                why = error
                continue
            self._local[key] = (number, self._relays.start(listening, self._dial(key)))
            return
        self._fail(key, LOOPBACK, f"{key.port} and {first} to {first + TRIES - 1}", why)

    def _fail(self, key: Key, address: str, ports: str, why: OSError) -> None:
        """Tell once why a Service has no socket at an address; it is tried again."""
        if self._failures.get((key, address)) == str(why):
            return
        self._failures[key, address] = str(why)
        service, _ = self._wanted[key]
        remedy = (
            f"`sudo sysctl net.ipv4.ip_unprivileged_port_start={key.port}` allows it until the "
            "next boot"
            if str(why) == os.strerror(errno.EACCES)
            else f"`ss -ltnp src {address}` shows what listens there"
        )
        said = f"{address}:{ports} can't be listened on: {why}. {remedy}"
        log.warning("service %s/%s: %s", key.namespace, key.service, said)
        self._events.tell(service, "Warning", "SyncLoadBalancerFailed", said)

    def _dial(self, key: Key) -> Dial:
        def dial(_asked: tuple[str, int]) -> socket.socket:
            wanted = self._wanted.get(key)
            if wanted is None:
                raise OSError(f"service {key.namespace}/{key.service} is deleted")
            service, port = wanted
            pods = [pod for pod in self._behind(service) if pod.is_ready]
            if not pods:
                raise OSError(f"service {key.namespace}/{key.service} has no pod that is ready")
            pod = pods[next(self._turn) % len(pods)]
            target = pod.port(port.targetPort or port.port)
            # All relays share a few threads for this: a silent pod must not hold them.
            return socket.create_connection((pod.address, target), timeout=DIAL_SECONDS)

        return dial

    def _behind(self, service: Service) -> list[RealPod]:
        selector = (service.spec.selector or {}).items()
        return [
            pod
            for pod in self._pods
            if pod.pod.metadata.namespace == service.metadata.namespace
            and selector
            and selector <= (pod.pod.metadata.labels or {}).items()
        ]

    def _write(self) -> None:
        ports = [{**key._asdict(), "local": self._local[key][0]} for key in sorted(self._local)]
        text = json.dumps(ports)
        if not self._file.exists() or self._file.read_text() != text:
            # Renamed: `make up` reads it at the same time.
            new = self._file.with_suffix(".new")
            new.write_text(text)
            new.replace(self._file)
