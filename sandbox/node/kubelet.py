"""The node inside its network: a kubelet for the pods that are processes."""

import ipaddress
import json
import logging
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import lightkube
import msgspec
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta, Status
from lightkube.resources.core_v1 import ConfigMap, Event, Pod, Service, ServiceAccountToken
from lightkube.types import PatchType

from sandbox.dataplane.proxy import Programs
from sandbox.keeper.servers import expecting
from sandbox.node import admission, network, status
from sandbox.node.pod import PodError, RealPod, Surroundings
from sandbox.node.porter import Door
from sandbox.node.relay import Relays
from sandbox.node.ways_in import WaysIn
from sandbox.watches import wake_on_events

log = logging.getLogger("node")

RESYNC_SECONDS = 5.0
"""The time between two rounds without an event."""
PROBE_SECONDS = 0.2
"""The time between two rounds while a pod isn't ready, or ends."""
GRACE_SECONDS = 30.0


@dataclass
class Node:
    """A controller that makes processes of pods, and writes what becomes of them."""

    around: Surroundings
    ways_in: WaysIn
    pods: dict[str, RealPod] = field(default_factory=dict)
    """The pods that run, by their uid."""
    _names: dict[str, str] = field(default_factory=dict)
    """The text of each namespace's hosts file."""
    _troubles: dict[str, str] = field(default_factory=dict)
    """What keeps a pod from running, by its uid."""

    def mend(self) -> bool:
        """Correct all differences once; return whether every pod is ready and none ends."""
        client = self.around.client
        services = list(client.list(Service, namespace="*"))
        marked = {
            str(pod.metadata.uid): pod
            for pod in client.list(Pod, namespace="*")
            if admission.is_marked(pod) and pod.spec.nodeName is not None
        }
        for uid in set(self.pods) - set(marked):
            self.pods.pop(uid).kill()
        for uid, pod in marked.items():
            try:
                self._name_services(str(pod.metadata.namespace), services)
                if pod.metadata.deletionTimestamp is not None:
                    self._end(uid, pod)
                else:
                    self._keep(uid, pod)
            except ApiError as error:  # its namespace has no root certificate yet, say
                self._trouble(uid, pod, "FailedSync", error)
        self.ways_in.mend(services, self.pods.values())
        return all(pod.is_ready for pod in self.pods.values())

    def end(self) -> None:
        """End all pods at once."""
        for pod in self.pods.values():
            pod.kill()

    def _keep(self, uid: str, pod: Pod) -> None:
        if uid not in self.pods:
            try:
                self.pods[uid] = RealPod(pod, self._address(pod), self._hosts(pod), self.around)
            except (PodError, OSError) as error:
                self._trouble(uid, pod, "FailedCreatePodSandBox", error)
                return
        real = self.pods[uid]
        have = pod.to_dict().get("status") or {}
        real.see(pod)
        for wrong in real.step():
            self._tell(pod, "Warning", "BackOff", wrong)
        real.refresh()
        wanted = real.status()
        if status.differs(have, wanted):
            with expecting(404):
                self.around.client.patch(
                    Pod.Status,
                    str(pod.metadata.name),
                    {"status": wanted},
                    namespace=pod.metadata.namespace,
                    patch_type=PatchType.STRATEGIC,
                )

    def _end(self, uid: str, pod: Pod) -> None:
        seconds = pod.metadata.deletionGracePeriodSeconds
        real = self.pods.get(uid)
        if real is not None and not real.end(GRACE_SECONDS if seconds is None else seconds):
            return
        self.pods.pop(uid, None)
        with expecting(404):
            name, namespace = str(pod.metadata.name), pod.metadata.namespace
            self.around.client.delete(Pod, name, namespace=namespace, grace_period=0)

    def _address(self, pod: Pod) -> str:
        taken = {real.address for real in self.pods.values()}
        before = pod.status.podIP if pod.status else None
        if before and before not in taken and ipaddress.ip_address(before) in network.PODS:
            return before
        free = (str(address) for address in islice(network.PODS.hosts(), 1, None))
        return next(address for address in free if address not in taken)

    def _hosts(self, pod: Pod) -> Path:
        return self.around.folder / f"{pod.metadata.namespace}.hosts"

    def _name_services(self, namespace: str, services: list[Service]) -> None:
        """Write the names of Services as they are seen from a namespace, in place of a DNS."""
        lines = ["127.0.0.1 localhost"]
        for service in services:
            name, address = f"{service.metadata.name}.{service.metadata.namespace}", None
            address = service.spec.clusterIP
            if address not in (None, "None"):
                short = [service.metadata.name] if service.metadata.namespace == namespace else []
                names = (*short, name, f"{name}.svc", f"{name}.svc.cluster.local")
                lines.append(f"{address} {' '.join(map(str, names))}")
        text = "\n".join(lines) + "\n"
        if self._names.get(namespace) != text:
            # Written in place: pods have this very file mounted.
            (self.around.folder / f"{namespace}.hosts").write_text(text)
            self._names[namespace] = text

    def _trouble(self, uid: str, pod: Pod, reason: str, error: Exception) -> None:
        """Tell what keeps a pod from running, unless it was told."""
        if self._troubles.get(uid) != str(error):
            self._troubles[uid] = str(error)
            self._tell(pod, "Warning", reason, str(error))

    def _tell(self, pod: Pod, kind: str, reason: str, message: str) -> None:
        log.warning("pod %s/%s: %s", pod.metadata.namespace, pod.metadata.name, message)
        metadata, now = pod.metadata, datetime.now(UTC)
        event = Event(
            metadata=ObjectMeta(generateName=f"{metadata.name}.", namespace=metadata.namespace),
            involvedObject=ObjectReference(
                kind="Pod",
                apiVersion="v1",
                name=metadata.name,
                namespace=metadata.namespace,
                uid=metadata.uid,
            ),
            **{"type": kind, "reason": reason, "message": message, "count": 1},
            source=EventSource(component="kubelet", host=pod.spec.nodeName),
            firstTimestamp=now,
            lastTimestamp=now,
        )
        with suppress(ApiError):  # its namespace may be ending
            self.around.client.create(event)


def _prepare_decoding() -> None:
    """Prepare msgspec's decoding of all kinds before there are threads, as the keeper does."""
    for kind in (ConfigMap, Event, Pod, Service, ServiceAccountToken, Status):
        msgspec.json.Decoder(kind)


def main(folder: Path, packages: Path, programs: Programs, channel: int) -> None:
    """Run the node until SIGTERM, or until the porter ends."""
    _prepare_decoding()
    network.set_up()
    door, relays = Door(socket.socket(fileno=channel)), Relays()
    config = lightkube.KubeConfig.from_file(folder / "kubeconfig")
    server = urlsplit(str(config.get().cluster.server))
    host, port = str(server.hostname), int(server.port or 443)
    # The same address inside: TLS verifies it end to end.
    relays.start(socket.create_server((host, port)), lambda _: door.connect(host, port))
    wake, ended = threading.Event(), threading.Event()
    client = lightkube.Client(config=config, timeout=httpx2.Timeout(10), field_manager="node")
    services = ipaddress.IPv4Network(json.loads((folder / "sandbox.json").read_text())["network"])
    (folder / "pods").mkdir(exist_ok=True)
    around = Surroundings(
        client=client,
        programs=programs,
        packages=packages,
        folder=folder / "pods",
        services=services,
        door=door,
        relays=relays,
        wake=wake.set,
    )
    node = Node(around, WaysIn(door, relays, folder / "ways-in.json"))
    signal.signal(signal.SIGTERM, lambda *_: (ended.set(), wake.set()))
    admission.apply(client)
    wake_on_events(config, wake, {Pod: None, Service: None}, log)
    (folder / "node.ready").touch()
    while not ended.is_set():
        wake.clear()
        all_ready = False
        try:
            all_ready = node.mend()
        except (ApiError, httpx2.HTTPError, OSError) as error:  # a full disk, say
            log.warning("not all could be done: %r", error)
        wake.wait(RESYNC_SECONDS if all_ready else PROBE_SECONDS)
    node.end()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        Programs(
            pilot_agent=Path(sys.argv[3]), envoy=Path(sys.argv[4]), bootstrap=Path(sys.argv[5])
        ),
        int(sys.argv[6]),
    )
