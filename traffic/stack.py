"""The stack `traffic` on a sandbox of its own: its settings, and where requests to it are sent."""

import asyncio
import base64
import json
import os
import ssl
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from types import MappingProxyType
from typing import Any

import httpx2
import lightkube
import psutil
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod, Secret, Service

from console import UserError
from mesh.bookinfo.services import FRONT, HEALTH, MICROSERVICES, PORT
from mesh.project import PROJECT
from sandbox import processes
from sandbox.cluster import Sandbox
from sandbox.node import entrance
from traffic.load import Target

STACK = "traffic"
HOST = f"bookinfo.{STACK}.localhost"
"""The default of Bookinfo's host."""
NAMESPACE = "bookinfo"
ISTIO_NAMESPACE = "istio-system"
PAGE = f"/{FRONT}"
REVIEWS = "/api/v1/products/0/reviews"
"""The path of productpage's answer with that of reviews, which names the pod."""
PRODUCTS = "/api/v1/products"
"""The path of an answer for which productpage asks no other service."""
CALLERS = {
    called: caller.name
    for caller in MICROSERVICES
    for called in caller.calls
    if caller.port == PORT
}
"""The service that calls a service of Bookinfo."""
NONE: Mapping[str, str] = MappingProxyType({})
SETTLED_SECONDS = 1.0
"""istiod waits 0.1 s for more changes before it sends one to the proxies."""
ACKNOWLEDGED = ("cluster_acked", "listener_acked", "route_acked", "endpoint_acked")


class StackError(UserError):
    """The stack isn't as needed; the message says what was tried and how it failed."""


class Stack:
    """The deployed stack, whose pods are processes."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.settings: dict[str, Any] = {}
        self._sandbox = sandbox
        self._log = sandbox.folder / "mesh.log"

    async def deploy(self, *options: str, **settings: Any) -> None:
        """Change settings, and deploy the stack by the same command that users run.

        None takes a setting back. Raises StackError when the command fails.
        """
        changed = {**self.settings, **settings}
        self.settings = {key: value for key, value in changed.items() if value is not None}
        flat = _flat(self.settings)
        words = [w for path, value in flat for w in ("--config", f"mesh:{path}={value}")]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "meshctl", "up", "--", *options, "--config-path", *words),
                cwd=PROJECT,
                env={
                    **os.environ,
                    "STACK": STACK,
                    "SANDBOX": self._sandbox.name,
                    "PODS": "real",
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:  # interrupted: else Pulumi would go on alone
                _end(process.pid)
        if code:
            tail = "\n".join(self._log.read_text().splitlines()[-30:])
            raise StackError(f"`meshctl up` with {self.settings} failed:\n{tail}")
        if self._sandbox.why_fake is not None:
            raise StackError(f"pods are only objects here: {self._sandbox.why_fake}")

    async def settle(self) -> None:
        """Wait until no pod ends, and the proxies have all configuration from their istiods."""
        before = None
        while (now := await asyncio.to_thread(self._proxies)) != before or self._ending():
            before = now
            await asyncio.sleep(SETTLED_SECONDS)

    def entry(
        self,
        path: str = PRODUCTS,
        *,
        host: str = HOST,
        headers: Mapping[str, str] = NONE,
        tls: ssl.SSLContext | None = None,
    ) -> Target:
        """Return the target of requests from outside: the gateway's way in."""
        return Target(
            address="127.0.0.1",
            port=self._local_port(443 if tls else 80),
            host=host,
            path=path,
            headers=dict(headers),
            tls=tls,
        )

    def inside(self, service: str, path: str = HEALTH, headers: Mapping[str, str] = NONE) -> Target:
        """Return the target of requests of an application to a service of its namespace."""
        return Target(address=service, port=PORT, host=service, path=path, headers=dict(headers))

    def at(self, service: str, namespace: str = NAMESPACE) -> list[str]:
        """Return the beginning of a command that runs the rest in a pod of a service."""
        name = min(self.pods(namespace, app=service))
        return entrance.to_pod(self._sandbox.folder, namespace, name)

    @property
    def at_node(self) -> list[str]:
        """The beginning of a command that runs the rest where no sidecar is."""
        return entrance.to_node(self._sandbox.folder)

    def pods(self, namespace: str = NAMESPACE, **labels: str) -> dict[str, Pod]:
        """Return the pods that don't end, by their names."""
        found = self.client.list(Pod, namespace=namespace, labels=labels)
        return {
            str(pod.metadata.name): pod for pod in found if pod.metadata.deletionTimestamp is None
        }

    def arrivals(self, service: str, mark: str) -> Counter[str]:
        """Count the requests with a mark in their path, by the version that got them.

        Each server of the sandbox writes its requests to its log, also mirrored ones.
        """
        versions = {
            f"{NAMESPACE}_{name} {service}": (pod.metadata.labels or {})["version"]
            for name, pod in self.pods(app=service).items()
        }
        found = Counter[str]()
        for each in self._sandbox.containers():
            if each.name in versions:
                found[versions[each.name]] += each.log.read_text(errors="replace").count(mark)
        return found

    def keep_secret(self, name: str, files: Mapping[str, str]) -> None:
        """Put a certificate beside the gateway's pods, or renew it."""
        data = {key: base64.b64encode(text.encode()).decode() for key, text in files.items()}
        metadata = ObjectMeta(name=name, namespace=ISTIO_NAMESPACE)
        self.client.apply(Secret(metadata=metadata, type="kubernetes.io/tls", data=data))

    @cached_property
    def client(self) -> lightkube.Client:
        """A client of the sandbox's API server."""
        config = lightkube.KubeConfig.from_file(self._sandbox.kubeconfig)
        return lightkube.Client(config=config, field_manager="traffic")

    @property
    def istiods(self) -> list[str]:
        """The names of all control planes' Deployments."""
        found = self.client.list(Deployment, namespace=ISTIO_NAMESPACE, labels={"app": "istiod"})
        return sorted(str(istiod.metadata.name) for istiod in found)

    def _local_port(self, port: int) -> int:
        ports = json.loads(self._sandbox.local_ports.read_text())
        return next(each["local"] for each in ports if each["port"] == port)

    def _ending(self) -> bool:
        pods = self.client.list(Pod, namespace="*")
        return any(pod.metadata.deletionTimestamp is not None for pod in pods)

    def _proxies(self) -> Sequence[tuple[str, ...]]:
        """Return what each proxy has acknowledged, as its istiod knows it."""
        found = []
        for name in self.istiods:
            service = self.client.get(Service, name, namespace=ISTIO_NAMESPACE)
            url = f"http://{service.spec.clusterIP}:8080/debug/syncz"
            for proxy in httpx2.get(url, timeout=5).raise_for_status().json():
                acknowledged = (str(proxy.get(kind)) for kind in ACKNOWLEDGED)
                found.append((name, proxy["proxy"], *acknowledged))
        return sorted(found)


def _end(process: int) -> None:
    """End a command and all that it runs."""
    with suppress(psutil.NoSuchProcess):
        command = psutil.Process(process)
        processes.end([command, *command.children(recursive=True)], patience=5)


def _flat(settings: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield paths and values as `pulumi up --config-path --config` takes them."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from _flat(value, f"{path}.{key}" if path else key)
    elif isinstance(settings, list | tuple):
        for number, value in enumerate(settings):
            yield from _flat(value, f"{path}[{number}]")
    else:
        yield path, settings if isinstance(settings, str) else json.dumps(settings)
