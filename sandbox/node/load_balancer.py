"""The ways in: what listens on the machine's loopback addresses for LoadBalancer Services."""

import itertools
import json
import logging
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from lightkube.models.core_v1 import ServicePort
from lightkube.resources.core_v1 import Service

from sandbox.node.pod import RealPod
from sandbox.node.porter import LOOPBACK, Door
from sandbox.node.relay import Relays

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


class WaysIn:
    """What listens for the LoadBalancer Services whose pods run here.

    Each listens on the Service's own address, and on 127.0.0.1, where `*.localhost` leads to.
    """

    def __init__(self, door: Door, relays: Relays, file: Path) -> None:
        """Set where to get sockets, and the file that says where each Service is reached."""
        self._door, self._relays, self._file = door, relays, file
        self._ends: dict[Key, list[Callable[[], None]]] = {}
        self._local: dict[Key, int] = {}
        self._troubles: dict[Key, str] = {}
        self._turn = itertools.count()
        self._pods: list[RealPod] = []
        self._wanted: dict[Key, tuple[Service, ServicePort]] = {}

    def mend(self, services: Iterable[Service], pods: Iterable[RealPod]) -> None:
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
            for end in self._ends.pop(key):
                end()
            self._local.pop(key, None)
        for key in sorted(set(self._wanted) - set(self._ends)):
            self._open(key)
        self._write()

    def _open(self, key: Key) -> None:
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

        try:
            listening = self._door.listen(key.address, key.port)
        except OSError as error:
            if self._troubles.get(key) != str(error):
                self._troubles[key] = str(error)
                log.warning("%s:%d can't be listened on: %s", key.address, key.port, error)
        else:
            self._ends[key] = [self._relays.start(listening, dial)]
        if key.port == STATUS_PORT or key in self._local:
            return
        for number in (key.port, *range(key.port + INSTEAD, key.port + INSTEAD + TRIES)):
            try:
                listening = self._door.listen(LOOPBACK, number)
            except OSError:
                continue
            self._ends.setdefault(key, []).append(self._relays.start(listening, dial))
            self._local[key] = number
            return

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
        ways = [{**key._asdict(), "local": local} for key, local in sorted(self._local.items())]
        text = json.dumps(ways)
        if not self._file.exists() or self._file.read_text() != text:
            # Renamed: `make up` reads it at the same time.
            new = self._file.with_suffix(".new")
            new.write_text(text)
            new.replace(self._file)
