"""The node's kubelet, in a network of its own: for the pods that are processes."""

import ipaddress
import json
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import lightkube
import msgspec
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import Status
from lightkube.resources.core_v1 import (
    ConfigMap,
    Event,
    Node,
    Pod,
    Secret,
    Service,
    ServiceAccountToken,
)
from lightkube.types import PatchType

from sandbox.dataplane.proxy import Programs
from sandbox.events import Events
from sandbox.keeper.servers import expecting
from sandbox.node import admission, kubelet_api, network, status, volumes
from sandbox.node.container import Failure
from sandbox.node.host_sockets import LOOPBACK, HostSocketsClient
from sandbox.node.istio_init import RedirectionError
from sandbox.node.kubelet_api import Command, KubeletApi, Log, RefusedError
from sandbox.node.load_balancer import LoadBalancer
from sandbox.node.pod import GRACE_SECONDS, PodError, RealPod, Runtime
from sandbox.node.relay import Relays
from sandbox.node.volumes import VolumeError
from sandbox.watches import wake_on_events

log = logging.getLogger("node")

RESYNC_SECONDS = 5.0
"""The time between two rounds without an event."""
PROBE_SECONDS = 0.2
"""The time between two rounds while a pod isn't ready, or ends."""


@dataclass
class Kubelet:
    """A controller that makes processes of pods, and writes what becomes of them."""

    runtime: Runtime
    load_balancer: LoadBalancer
    events: Events
    port: int
    """The port of 127.0.0.1 on which the API server reaches this kubelet."""
    pods: dict[str, RealPod] = field(default_factory=dict)
    """The pods that run, by their uid."""
    _addresses: Iterator[str] = field(
        default_factory=lambda: cycle(str(each) for each in islice(network.PODS.hosts(), 1, None))
    )
    _names: dict[str, str] = field(default_factory=dict)
    """The text of each namespace's hosts file."""
    _failures: dict[str, str] = field(default_factory=dict)
    """What keeps a pod from running, by its uid."""

    def reconcile(self) -> bool:
        """Correct all differences once; return whether every pod is ready and none ends."""
        client = self.runtime.client
        services = list(client.list(Service, namespace="*"))
        marked = {
            str(pod.metadata.uid): pod
            for pod in client.list(Pod, namespace="*")
            if admission.mark(pod) == admission.PROCESSES and pod.spec.nodeName is not None
        }
        hosts = {str(node.metadata.name): self._keep_node(node) for node in client.list(Node)}
        for uid in set(self.pods) - set(marked):
            self.pods.pop(uid).kill()
        for uid, pod in marked.items():
            host = hosts.get(str(pod.spec.nodeName), LOOPBACK)
            try:
                self._name_services(str(pod.metadata.namespace), services)
                if pod.metadata.deletionTimestamp is not None:
                    self._end(uid, pod)
                else:
                    self._keep(uid, pod, host)
            # A full disk, or content of its objects that nobody foresaw: it is this pod's failure.
            except (ApiError, OSError, LookupError, ValueError) as error:
                self._fail(uid, pod, host, "FailedSync", error)
        self.load_balancer.reconcile(services, self.pods.values())
        return all(pod.is_ready for pod in self.pods.values()) and set(marked) == set(self.pods)

    def end(self) -> None:
        """End all pods at once."""
        for pod in self.pods.values():
            pod.kill()

    def _keep_node(self, node: Node) -> str:
        """Say on a node where its kubelet is, and return the node's address."""
        have = node.status.to_dict() if node.status else {}
        wanted: dict[str, Any] = {
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
            "declaredFeatures": [kubelet_api.FEATURE],
        }
        if status.differs(have, wanted):
            self.runtime.client.patch(
                *(Node.Status, str(node.metadata.name), {"status": wanted}),
                patch_type=PatchType.MERGE,
            )
        addresses = [
            each["address"] for each in have.get("addresses") or [] if each["type"] == "InternalIP"
        ]
        return next(iter(addresses), LOOPBACK)

    def _keep(self, uid: str, pod: Pod, host: str) -> None:
        if uid not in self.pods:
            try:
                volumes.check(self.runtime.client, pod)
                address = self._address(pod)
                self.pods[uid] = RealPod(pod, address, host, self._hosts(pod), self.runtime)
            except VolumeError as error:
                self._fail(uid, pod, host, "FailedMount", error)
                return
            except (PodError, RedirectionError) as error:
                self._fail(uid, pod, host, "FailedCreatePodSandBox", error)
                return
            self._failures.pop(uid, None)
        real = self.pods[uid]
        real.see(pod)
        for each in real.step():
            self._tell(pod, each.kind, each.reason, each.message)
        real.refresh()
        self._write(pod, real.status())

    def _write(self, pod: Pod, wanted: dict[str, Any]) -> None:
        if status.differs(pod.to_dict().get("status") or {}, wanted):
            with expecting(404):
                self.runtime.client.patch(
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
            self.runtime.client.delete(Pod, name, namespace=namespace, grace_period=0)

    def _address(self, pod: Pod) -> str:
        taken = {real.address for real in self.pods.values()}
        before = pod.status.podIP if pod.status else None
        if before and before not in taken and ipaddress.ip_address(before) in network.PODS:
            return before
        # The address of a pod that has just ended comes last: neighbours still know its old place.
        return next(address for address in self._addresses if address not in taken)

    def _hosts(self, pod: Pod) -> Path:
        return self.runtime.folder / f"{pod.metadata.namespace}.hosts"

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
            (self.runtime.folder / f"{namespace}.hosts").write_text(text)
            self._names[namespace] = text

    def _fail(self, uid: str, pod: Pod, host: str, reason: str, error: Exception) -> None:
        """Tell what keeps a pod from running, once in its events, and in its status."""
        if self._failures.get(uid) != str(error):
            self._failures[uid] = str(error)
            self._tell(pod, "Warning", reason, str(error))
        if uid not in self.pods:
            why = Failure("ContainerCreating", str(error))
            self._write(pod, {**status.pending(pod, lambda _: why), **status.host(host)})

    def _tell(self, pod: Pod, kind: str, reason: str, message: str) -> None:
        log.warning("pod %s/%s: %s", pod.metadata.namespace, pod.metadata.name, message)
        self.events.tell(pod, kind, reason, message)


@dataclass(frozen=True)
class NodeContainers:
    """The containers whose logs and programs this node has."""

    kubelet: Kubelet
    folder: Path
    """The sandbox's folder: the keeper keeps the logs of istiods there."""

    def log(self, namespace: str, pod: str, container: str, *, previous: bool) -> Log:
        """Return the log of a container, or of the istiod that a pod stands for."""
        real = self._find(namespace, pod)
        if real is not None and container in real.containers:
            found = real.containers[container]
            if previous:
                return Log(found.previous_log, lambda: False)
            began = found.started
            return Log(found.log, lambda: found.runs and found.started == began)
        # A pod's name is its Deployment's, with two parts behind it.
        owner = pod.rsplit("-", 2)[0]
        for file in self.folder.glob(f"*/{namespace}-{owner}/log"):
            return Log(file, lambda: True)
        raise self._refused(namespace, pod, container)

    def command(self, namespace: str, pod: str, container: str, words: Sequence[str]) -> Command:
        """Return how to run a program in a container."""
        real = self._find(namespace, pod)
        if real is None or container not in real.containers:
            raise self._refused(namespace, pod, container)
        found = real.command(container, words)
        if found is None:
            raise RefusedError(real.containers[container].summary)
        return Command(*found)

    def _find(self, namespace: str, name: str) -> RealPod | None:
        for real in tuple(self.kubelet.pods.values()):
            metadata = real.pod.metadata
            if (metadata.namespace, metadata.name) == (namespace, name):
                return real
        return None

    def _refused(self, namespace: str, pod: str, container: str) -> RefusedError:
        return RefusedError(
            f"container {container} of pod {namespace}/{pod} is no process: docs/pods.md lists the "
            "images that a sandbox runs"
        )


def _prepare_decoding() -> None:
    """Prepare msgspec's decoding of all kinds before there are threads, as the keeper does."""
    for kind in (ConfigMap, Event, Node, Pod, Secret, Service, ServiceAccountToken, Status):
        msgspec.json.Decoder(kind)


def main(folder: Path, packages: Path, programs: Programs, channel: int) -> None:
    """Run the kubelet until SIGTERM, or until the process that makes its sockets ends."""
    _prepare_decoding()
    network.set_up()
    sockets, relays = HostSocketsClient(socket.socket(fileno=channel)), Relays()
    config = lightkube.KubeConfig.from_file(folder / "kubeconfig")
    server = urlsplit(str(config.get().cluster.server))
    host, port = str(server.hostname), int(server.port or 443)
    # The same address inside: TLS verifies it end to end.
    relays.start(socket.create_server((host, port)), lambda _: sockets.connect(host, port))
    wake, ended = threading.Event(), threading.Event()
    client = lightkube.Client(config=config, timeout=httpx2.Timeout(10), field_manager="node")
    services = ipaddress.IPv4Network(json.loads((folder / "sandbox.json").read_text())["network"])
    (folder / "pods").mkdir(exist_ok=True)
    runtime = Runtime(
        client=client,
        programs=programs,
        packages=packages,
        folder=folder / "pods",
        services=services,
        sockets=sockets,
        relays=relays,
        wake=wake.set,
    )
    listening = sockets.listen(LOOPBACK, 0)
    kubelet = Kubelet(
        runtime,
        LoadBalancer(sockets, relays, folder / "local-ports.json", Events(client, "load-balancer")),
        Events(client, "kubelet"),
        listening.getsockname()[1],
    )
    [pki] = folder.glob("kwok/clusters/*/pki")
    api = KubeletApi(NodeContainers(kubelet, folder))
    relays.run(api.serve(listening, kubelet_api.tls(pki)))
    signal.signal(signal.SIGTERM, lambda *_: (ended.set(), wake.set()))
    admission.apply(client, processes=True)
    wake_on_events(config, wake, {Pod: None, Service: None}, log)
    (folder / "node.ready").touch()
    while not ended.is_set():
        wake.clear()
        all_ready = False
        try:
            all_ready = kubelet.reconcile()
        except (ApiError, httpx2.HTTPError, OSError) as error:
            log.warning("not all could be done: %r", error)
        wake.wait(RESYNC_SECONDS if all_ready else PROBE_SECONDS)
    kubelet.end()


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
