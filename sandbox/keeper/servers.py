"""Real processes for Deployments whose pods are fake: they answer the cluster's webhooks."""

import logging
import os
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import lightkube
from lightkube.core.exceptions import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType

from sandbox.keeper import mounts, pod_status
from sandbox.node import admission

log = logging.getLogger("keeper")

BACKOFF_SECONDS = 1.0
"""The time until a process that ended is restarted, as by a kubelet."""

Key = tuple[str, str]
"""A Deployment's namespace and name."""


@dataclass(frozen=True)
class Spec:
    """The settings by which a process is started; a change restarts the process."""

    address: str
    """The ClusterIP of its Service, where the API server calls its webhooks."""
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    template: str = ""
    """The pods' template: a rollout restart changes an annotation in it, and nothing else."""


class Program(Protocol):
    """The program that runs for a Deployment."""

    name: str
    label: dict[str, str]
    """The label of the Deployments and of their pods."""

    def spec(self, deployment: Deployment, folder: Path) -> Spec | None:
        """Return how to start the Deployment's process, or None while something is missing."""

    def is_ready(self, deployment: Deployment, spec: Spec, folder: Path) -> bool:
        """Provide what a running process needs, and return whether it answers."""


@dataclass
class Server:
    """A running process of one Deployment."""

    spec: Spec
    process: subprocess.Popen[bytes]
    folder: Path
    ready: bool = False
    died: float | None = None

    def end(self) -> None:
        """Terminate the process, and kill it if it doesn't end."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        (self.folder / "pid").unlink(missing_ok=True)


@dataclass
class Servers:
    """The processes of a program, one for each Deployment; they decide whether pods are Ready."""

    program: Program
    binary: Path
    folder: Path
    client: lightkube.Client
    wake: threading.Event
    """An event that is set when a process ended, so that its pods become not Ready at once."""
    running: dict[Key, Server] = field(default_factory=dict)

    def reconcile(self) -> bool:
        """Start, restart and end processes as needed; return whether every one is ready."""
        deployments = {
            (d.metadata.namespace, d.metadata.name): d
            for d in self.client.list(Deployment, namespace="*", labels=self.program.label)
        }
        for key in set(self.running) - set(deployments):
            log.info("%s %s/%s: its Deployment is gone", self.program.name, *key)
            self.running.pop(key).end()
        for key, deployment in deployments.items():
            self._keep(key, deployment)
        self._show(deployments)
        return all(server.ready for server in self.running.values())

    def end(self) -> None:
        """End every process."""
        for server in self.running.values():
            server.end()

    def _keep(self, key: Key, deployment: Deployment) -> None:
        folder = self.folder / self.program.name / f"{key[0]}-{key[1]}"
        stopped = deployment.spec.replicas == 0
        wanted = None if stopped else self.program.spec(deployment, folder)
        server = self.running.get(key)
        if server is not None and server.spec != wanted:
            log.info("%s %s/%s: its pods' template changed", self.program.name, *key)
            self.running.pop(key).end()
            server = None
        if wanted is None:
            return
        if server is None:
            self.running[key] = self._start(key, wanted, folder, deployment)
            return
        if server.process.poll() is not None:
            server.ready = False
            server.died = server.died or time.monotonic()
            if time.monotonic() - server.died > BACKOFF_SECONDS:
                code = server.process.returncode
                log.warning("%s %s/%s ended with %s", self.program.name, *key, code)
                self.running[key] = self._start(key, wanted, folder, deployment)
            return
        server.ready = self.program.is_ready(deployment, wanted, folder)

    def _start(self, key: Key, spec: Spec, folder: Path, deployment: Deployment) -> Server:
        # The process looks for mounts below its working folder, which in a container is the root.
        folder.mkdir(parents=True, exist_ok=True)
        mounts.write(self.client, deployment.spec.template.spec, key[0], folder)
        with (folder / "log").open("ab") as output:
            process = subprocess.Popen(
                [self.binary, *spec.arguments],
                cwd=folder,
                env={**dict(spec.environment), "PATH": os.environ["PATH"], "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        (folder / "pid").write_text(str(process.pid))
        threading.Thread(target=lambda: (process.wait(), self.wake.set()), daemon=True).start()
        told = (self.program.name, *key, process.pid, spec.address)
        log.info("%s %s/%s: started as process %d on %s", *told)
        return Server(spec, process, folder)

    def _show(self, deployments: dict[Key, Deployment]) -> None:
        """Set the status of the fake pods to that of their process."""
        for pod in self.client.list(Pod, namespace="*", labels=self.program.label):
            namespace, name = pod.metadata.namespace, pod.metadata.name
            if pod.metadata.deletionTimestamp is not None:
                with expecting(404):
                    self.client.delete(Pod, name, namespace=namespace, grace_period=0)
                continue
            # Of an image that can't be pulled, images.py says so.
            if pod.spec.nodeName is None or admission.mark(pod) == admission.UNPULLABLE:
                continue
            owner = next((key for key, d in deployments.items() if _selects(key, d, pod)), None)
            server = self.running.get(owner) if owner else None
            status = pod_status.of(
                pod,
                ready=server is not None and server.ready,
                address=_pod_address(server.spec.address) if server else None,
            )
            if status is not None:
                with expecting(404):
                    self.client.patch(
                        Pod.Status,
                        name,
                        {"status": status},
                        namespace=namespace,
                        patch_type=PatchType.STRATEGIC,
                    )


def _pod_address(listens_on: str) -> str:
    """Return an address for the pod that stands for a process on a loopback address.

    Nobody connects to it. But Kubernetes refuses endpoints on loopback addresses, and whoever waits
    for the Service, such as Pulumi, waits for its endpoints.
    """
    return "10" + listens_on.removeprefix("127")


def _selects(key: Key, deployment: Deployment, pod: Pod) -> bool:
    labels = deployment.spec.selector.matchLabels or {}
    return (
        key[0] == pod.metadata.namespace and labels.items() <= (pod.metadata.labels or {}).items()
    )


@contextmanager
def expecting(code: int) -> Generator[None]:
    """Ignore an error: the object is already deleted (404), or already exists (409)."""
    try:
        yield
    except ApiError as error:
        if error.status.code != code:
            raise
