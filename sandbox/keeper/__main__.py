"""The keeper's process: provides addresses, volumes and running injectors.

LoadBalancer Services get an address, claims get a volume, and every Deployment of the injector
(istiod, of any revision) gets a real process.
"""

import json
import logging
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import httpx2
import lightkube
import msgspec
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import (
    HostPathVolumeSource,
    ObjectReference,
    PersistentVolumeSpec,
)
from lightkube.models.meta_v1 import ObjectMeta, Status
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import (
    ConfigMap,
    Event,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    Secret,
    Service,
    ServiceStatus,
)
from lightkube.types import PatchType

from sandbox.events import Events
from sandbox.keeper.images import Images
from sandbox.keeper.istiod import Istiod
from sandbox.keeper.servers import Servers, expecting
from sandbox.keeper.sidecar_injector import SidecarInjector
from sandbox.watches import wake_on_events

log = logging.getLogger("keeper")

RESYNC_SECONDS = 5.0
"""The time between two rounds without an event."""
PROBE_SECONDS = 0.2
"""The time between two rounds while a process isn't ready."""


@dataclass
class Keeper:
    """A controller that compares what the cluster asks for with what exists, and corrects it."""

    client: lightkube.Client
    injectors: Servers
    images: Images | None
    """None for a Kubernetes whose admission policies can't change pods."""

    def reconcile(self) -> bool:
        """Correct all differences once; return whether every injector is ready."""
        self._give_addresses()
        self._give_volumes()
        if self.images is not None:
            self.images.reconcile()
        return self.injectors.reconcile()

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
                with expecting(404):
                    self.client.delete(PersistentVolume, str(volume.metadata.name))

    def _give_volume(self, claim: PersistentVolumeClaim) -> None:
        """Create a volume for one claim, without storage: fake pods write nothing."""
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
        with expecting(409):  # created already, and being bound
            self.client.create(volume)


def _prepare_decoding() -> None:
    """Prepare msgspec's decoding of all kinds before there are threads.

    msgspec does it at the first object of a kind, and two threads at the same time cause a
    segmentation fault (seen with 0.22, when watches find objects that are older than the keeper).
    """
    volumes = (PersistentVolume, PersistentVolumeClaim)
    for kind in (ConfigMap, Deployment, Event, Pod, Secret, Service, Status, *volumes):
        msgspec.json.Decoder(kind)


def main(folder: Path, binary: Path) -> None:
    """Run the keeper until SIGTERM or until the sandbox's folder is deleted.

    `binary` is the program for the injectors.
    """
    _prepare_decoding()
    config = lightkube.KubeConfig.from_file(folder / "kubeconfig")
    # A request that hangs while the API server starts must not stop the keeper for ever.
    client = lightkube.Client(config=config, timeout=httpx2.Timeout(10), field_manager="keeper")
    wake, ended = threading.Event(), threading.Event()
    has_real_pods = json.loads((folder / "sandbox.json").read_text()).get("pods") == "real"
    program = (
        SidecarInjector(client)
        if binary.name == "sidecar-injector"
        else Istiod(client, folder / "kubeconfig", plain_envoy=has_real_pods)
    )
    injectors = Servers(program, binary, folder, client, wake)
    images = (
        Images(client, Events(client, "kubelet"), is_policy_needed=not has_real_pods)
        if isinstance(program, Istiod)
        else None
    )
    keeper = Keeper(client, injectors, images)

    def keep() -> None:
        while not ended.is_set() and (folder / "kubeconfig").exists():
            wake.clear()
            all_ready = False
            try:
                all_ready = keeper.reconcile()
            except (ApiError, httpx2.HTTPError) as error:
                log.warning("a request to the API server failed: %r", error)
            except OSError as error:  # a full disk, say: without the keeper nobody ends the istiods
                log.warning("not all could be done: %r", error)
            wake.wait(RESYNC_SECONDS if all_ready else PROBE_SECONDS)
        injectors.end()

    kinds = {Deployment: program.label, Pod: program.label, Service: None}
    wake_on_events(config, wake, {**kinds, PersistentVolumeClaim: None}, log)
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
