"""The keeper: what a kubelet and a cloud do in a cluster of fake nodes.

It runs a real istiod process for every istiod Deployment, of any revision, keeps the Deployment's
fake pods Ready only while that process is, and gives LoadBalancer Services an address and claims
a volume.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import lightkube
import msgspec
import yaml
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import (
    Container,
    HostPathVolumeSource,
    ObjectReference,
    PersistentVolumeSpec,
)
from lightkube.models.meta_v1 import ObjectMeta, Status
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import (
    ConfigMap,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    Secret,
    Service,
    ServiceStatus,
)
from lightkube.types import PatchType

from sandbox import mounts

log = logging.getLogger("keeper")

RESYNC_SECONDS = 5.0
"""How often all is looked at when no event came."""
PROBE_SECONDS = 0.2
"""How often an istiod that isn't ready is asked."""
WATCH_SECONDS = 60
"""How long one watch lasts; the next one takes over."""
BACKOFF_SECONDS = 1.0
"""How long an istiod that died stays down, as a kubelet would have it."""

START_UP_SETTINGS = ("configSources", "ingressService", "rootNamespace", "trustDomain")
"""Mesh settings that istiod reads at its start only; it follows changes of the others."""


@dataclass(frozen=True)
class Spec:
    """All that decides how an istiod process is started; a change of it is a restart."""

    address: str
    """The ClusterIP of its Service: where the API server dials its webhooks."""
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    start_up_settings: str


@dataclass
class Istiod:
    """A running istiod process of one Deployment."""

    spec: Spec
    process: subprocess.Popen[bytes]
    folder: Path
    ready: bool = False
    died: float | None = None

    def end(self) -> None:
        """End the process, politely first."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        (self.folder / "pid").unlink(missing_ok=True)


@dataclass
class Keeper:
    """Compares what the cluster asks for with what runs, and mends the difference."""

    folder: Path
    program: Path
    client: lightkube.Client
    wake: threading.Event
    """Set when an istiod ended, so that its pods are shown as not ready at once."""
    istiods: dict[tuple[str, str], Istiod] = field(default_factory=dict)

    def mend(self) -> bool:
        """Make one round; returns whether every istiod is ready."""
        self._give_addresses()
        self._give_volumes()
        deployments = {
            (d.metadata.namespace, d.metadata.name): d
            for d in self.client.list(Deployment, namespace="*", labels={"app": "istiod"})
        }
        for key in set(self.istiods) - set(deployments):
            log.info("istiod %s/%s: its Deployment is gone", *key)
            self.istiods.pop(key).end()
        for key, deployment in deployments.items():
            self._keep(key, deployment)
        self._show(deployments)
        return all(istiod.ready for istiod in self.istiods.values())

    def end(self) -> None:
        """End every istiod."""
        for istiod in self.istiods.values():
            istiod.end()

    def _give_addresses(self) -> None:
        for service in self.client.list(Service, namespace="*"):
            status = service.status or ServiceStatus()
            has_address = status.loadBalancer is not None and status.loadBalancer.ingress
            if service.spec.type == "LoadBalancer" and not has_address:
                self.client.patch(
                    Service.Status,
                    service.metadata.name,
                    {"status": {"loadBalancer": {"ingress": [{"ip": service.spec.clusterIP}]}}},
                    namespace=service.metadata.namespace,
                    patch_type=PatchType.MERGE,
                )

    def _give_volumes(self) -> None:
        for claim in self.client.list(PersistentVolumeClaim, namespace="*"):
            if claim.status.phase == "Pending":
                self._give_volume(claim)
        for volume in self.client.list(PersistentVolume):
            if volume.status.phase == "Released":
                with _expecting(404):
                    self.client.delete(PersistentVolume, str(volume.metadata.name))

    def _give_volume(self, claim: PersistentVolumeClaim) -> None:
        """Make a volume for a claim alone, with nothing behind it: pods here write nothing."""
        metadata = claim.metadata
        volume = PersistentVolume(
            metadata=ObjectMeta(name=f"{metadata.namespace}-{metadata.name}"),
            spec=PersistentVolumeSpec(
                accessModes=claim.spec.accessModes,
                capacity=claim.spec.resources.requests,
                claimRef=ObjectReference(
                    namespace=metadata.namespace, name=metadata.name, uid=metadata.uid
                ),
                hostPath=HostPathVolumeSource(path="/nowhere"),
                persistentVolumeReclaimPolicy="Retain",
                storageClassName=claim.spec.storageClassName,
            ),
        )
        with _expecting(409):  # made already, and being bound
            self.client.create(volume)

    def _keep(self, key: tuple[str, str], deployment: Deployment) -> None:
        wanted = None if deployment.spec.replicas == 0 else self._spec(deployment)
        istiod = self.istiods.get(key)
        if istiod is not None and istiod.spec != wanted:
            log.info("istiod %s/%s: its settings changed", *key)
            self.istiods.pop(key).end()
            istiod = None
        if wanted is None:
            return
        if istiod is None:
            self.istiods[key] = self._start(key, wanted, deployment)
            return
        if istiod.process.poll() is not None:
            istiod.ready = False
            istiod.died = istiod.died or time.monotonic()
            if time.monotonic() - istiod.died > BACKOFF_SECONDS:
                log.warning("istiod %s/%s ended with %s", *key, istiod.process.returncode)
                self.istiods[key] = self._start(key, wanted, deployment)
            return
        istiod.ready = _is_ready(wanted.address)

    def _spec(self, deployment: Deployment) -> Spec | None:
        """Return how to start the Deployment's istiod, or None while something is missing."""
        service = self._service(deployment)
        container = next(
            (c for c in deployment.spec.template.spec.containers if c.name == "discovery"), None
        )
        if service is None or container is None:
            return None
        address = service.spec.clusterIP
        options = {
            "kubeconfig": str(self.folder / "kubeconfig"),
            "httpsAddr": f"{address}:443",
            "secureGRPCAddr": f"{address}:15012",
            "grpcAddr": f"{address}:15010",
            "httpAddr": f"{address}:8080",
            "monitoringAddr": f"{address}:15014",
            "ctrlz_address": address,
        }
        own = [a for a in container.args or [] if a.lstrip("-").split("=")[0] not in options]
        return Spec(
            address=address,
            arguments=(*own, *(f"--{name}={value}" for name, value in options.items())),
            environment=tuple(_environment(container, deployment)),
            start_up_settings=self._start_up_settings(deployment),
        )

    def _service(self, deployment: Deployment) -> Service | None:
        labels = deployment.spec.template.metadata.labels or {}
        for service in self.client.list(Service, namespace=deployment.metadata.namespace):
            selector = service.spec.selector or {}
            is_istiod = selector.get("app") == "istiod" and selector.items() <= labels.items()
            # Several can match: a revision's own, and the one of its tag.
            if is_istiod and service.metadata.name == deployment.metadata.name:
                return service
        return None

    def _start_up_settings(self, deployment: Deployment) -> str:
        revision = (deployment.metadata.labels or {}).get("istio.io/rev", "default")
        name = "istio" if revision == "default" else f"istio-{revision}"
        try:
            config = self.client.get(ConfigMap, name, namespace=deployment.metadata.namespace)
        except ApiError:
            return ""
        mesh = yaml.safe_load((config.data or {}).get("mesh", "")) or {}
        return json.dumps({key: mesh.get(key) for key in START_UP_SETTINGS}, sort_keys=True)

    def _start(self, key: tuple[str, str], spec: Spec, deployment: Deployment) -> Istiod:
        # istiod looks for what is mounted below its working folder, a container's being the root.
        folder = self.folder / "istiod" / f"{key[0]}-{key[1]}"
        folder.mkdir(parents=True, exist_ok=True)
        mounts.write(self.client, deployment.spec.template.spec, key[0], folder)
        with (folder / "log").open("ab") as output:
            process = subprocess.Popen(
                [self.program, *spec.arguments],
                cwd=folder,
                env={**dict(spec.environment), "PATH": os.environ["PATH"], "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        (folder / "pid").write_text(str(process.pid))
        threading.Thread(target=lambda: (process.wait(), self.wake.set()), daemon=True).start()
        log.info("istiod %s/%s: started as process %d on %s", *key, process.pid, spec.address)
        return Istiod(spec, process, folder)

    def _show(self, deployments: dict[tuple[str, str], Deployment]) -> None:
        """Set the status of istiod's fake pods to what the process's is."""
        for pod in self.client.list(Pod, namespace="*", labels={"app": "istiod"}):
            namespace, name = pod.metadata.namespace, pod.metadata.name
            if pod.metadata.deletionTimestamp is not None:
                with _expecting(404):
                    self.client.delete(Pod, name, namespace=namespace, grace_period=0)
                continue
            if pod.spec.nodeName is None:
                continue
            owner = next((key for key, d in deployments.items() if _selects(key, d, pod)), None)
            istiod = self.istiods.get(owner) if owner else None
            status = _pod_status(pod, istiod)
            if status is not None:
                with _expecting(404):
                    self.client.patch(
                        Pod.Status,
                        name,
                        {"status": status},
                        namespace=namespace,
                        patch_type=PatchType.STRATEGIC,
                    )


def _selects(key: tuple[str, str], deployment: Deployment, pod: Pod) -> bool:
    labels = deployment.spec.selector.matchLabels or {}
    return (
        key[0] == pod.metadata.namespace and labels.items() <= (pod.metadata.labels or {}).items()
    )


def _environment(container: Container, deployment: Deployment) -> Iterator[tuple[str, str]]:
    fields = {
        "metadata.name": deployment.metadata.name,
        "metadata.namespace": deployment.metadata.namespace,
        "spec.serviceAccountName": deployment.spec.template.spec.serviceAccountName,
    }
    for variable in container.env or []:
        source = variable.valueFrom
        if variable.name == "KUBECONFIG":  # a path in the container; ours is an argument
            continue
        if source is None:
            yield variable.name, variable.value or ""
        elif source.fieldRef is not None and source.fieldRef.fieldPath in fields:
            yield variable.name, fields[source.fieldRef.fieldPath] or ""


def _pod_status(pod: Pod, istiod: Istiod | None) -> dict[str, object] | None:
    """Return the status that the pod should have, or None when it has it."""
    ready = istiod is not None and istiod.ready
    conditions = {c.type: c.status for c in (pod.status.conditions if pod.status else []) or []}
    phase = pod.status.phase if pod.status else None
    if phase == "Running" and conditions.get("Ready") == str(ready):
        return None
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "phase": "Running",
        "startTime": now,
        "podIP": istiod.spec.address if istiod else None,
        "podIPs": [{"ip": istiod.spec.address}] if istiod else None,
        "conditions": [
            {"type": kind, "status": status, "lastTransitionTime": now}
            for kind, status in (
                ("Initialized", "True"),
                ("Ready", str(ready)),
                ("ContainersReady", str(ready)),
            )
        ],
        "containerStatuses": [
            {
                "name": container.name,
                "image": container.image,
                "imageID": "",
                "ready": ready,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            }
            for container in pod.spec.containers
        ],
    }


def _is_ready(address: str) -> bool:
    try:
        return httpx2.get(f"http://{address}:8080/ready", timeout=1).is_success
    except httpx2.HTTPError:
        return False


@contextmanager
def _expecting(code: int) -> Generator[None]:
    """Take an error as done: the object is gone already (404), or there already (409)."""
    try:
        yield
    except ApiError as error:
        if error.status.code != code:
            raise


def _wake_on_events(config: lightkube.KubeConfig, wake: threading.Event) -> None:
    """Set `wake` whenever something changed that the keeper looks at."""
    client = lightkube.Client(config=config, timeout=httpx2.Timeout(10, read=2 * WATCH_SECONDS))

    def follow(kind: type, labels: dict[str, str] | None) -> None:
        while True:
            try:
                events = client.watch(
                    kind, namespace="*", labels=labels, server_timeout=WATCH_SECONDS
                )
                for _ in events:
                    wake.set()
            except (ApiError, httpx2.HTTPError) as error:
                log.info("watching %s again: %s", kind.__name__, error)
                time.sleep(1)

    for kind, labels in (
        (Deployment, {"app": "istiod"}),
        (Pod, {"app": "istiod"}),
        (Service, None),
        (PersistentVolumeClaim, None),
    ):
        threading.Thread(target=follow, args=(kind, labels), daemon=True).start()


def _prepare_decoding() -> None:
    """Let msgspec study the kinds before there are threads.

    It does so at the first object of a kind, and two threads at once end in a segmentation fault
    (seen with 0.22, when watches find objects that are older than the keeper).
    """
    volumes = (PersistentVolume, PersistentVolumeClaim)
    for kind in (ConfigMap, Deployment, Pod, Secret, Service, Status, *volumes):
        msgspec.json.Decoder(kind)


def main(folder: Path, program: Path) -> None:
    """Keep until SIGTERM, or until the sandbox's folder is gone."""
    _prepare_decoding()
    config = lightkube.KubeConfig.from_file(folder / "kubeconfig")
    # A request that hangs while the API server starts must not stop the keeper for ever.
    client = lightkube.Client(config=config, timeout=httpx2.Timeout(10), field_manager="keeper")
    wake, ended = threading.Event(), threading.Event()
    keeper = Keeper(folder, program, client, wake)

    def keep() -> None:
        while not ended.is_set() and (folder / "kubeconfig").exists():
            wake.clear()
            all_ready = False
            try:
                all_ready = keeper.mend()
            except (ApiError, httpx2.HTTPError) as error:
                log.warning("the cluster didn't do as asked: %r", error)
            wake.wait(RESYNC_SECONDS if all_ready else PROBE_SECONDS)
        keeper.end()

    _wake_on_events(config, wake)
    keeping = threading.Thread(target=keep)
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit())
    try:
        keeping.start()
        keeping.join()
    finally:
        ended.set()
        wake.set()
        keeping.join()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
