"""Small HTTP servers in place of fake pods: each answers with its name and the request."""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import httpx2
import lightkube
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import ServicePort
from lightkube.resources.core_v1 import Pod, Service

PLAINTEXT = {"metadata": {"labels": {"security.istio.io/tlsMode": "disabled"}}}
WATCH_SECONDS = 60


@dataclass
class Pods:
    """Servers for the Running pods of one namespace, on every port that a Service sends to."""

    client: lightkube.AsyncClient
    namespace: str
    behind_proxy: dict[str, int] = field(default_factory=dict)
    """Names of pods behind a proxy, and the port of 127.0.0.1 on which the proxy reaches each."""
    arrivals: Counter[str] = field(default_factory=Counter)
    """The number of requests that each pod got, including mirrored ones."""
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    """The labels of each pod that ever had a server."""
    _servers: dict[str, list[asyncio.Server]] = field(default_factory=dict)
    _followed: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start servers for the existing pods, and follow created and deleted pods."""
        async for pod in self.client.list(Pod, namespace=self.namespace):
            await self._serve(pod)
        self._followed = asyncio.create_task(self._follow())

    async def end(self) -> None:
        """Stop all servers."""
        if self._followed is not None:
            self._followed.cancel()
            with suppress(asyncio.CancelledError):
                await self._followed
        for name in tuple(self._servers):
            self._stop(name)

    async def _follow(self) -> None:
        while True:
            with suppress(ApiError, httpx2.HTTPError):
                async for event, pod in self.client.watch(
                    Pod, namespace=self.namespace, server_timeout=WATCH_SECONDS
                ):
                    if event == "DELETED":
                        self._stop(pod.metadata.name)
                    else:
                        await self._serve(pod)

    async def _serve(self, pod: Pod) -> None:
        name, status = pod.metadata.name, pod.status
        if name in self._servers or status is None or status.phase != "Running":
            return
        self._servers[name] = []
        self.labels[name] = pod.metadata.labels or {}
        if name in self.behind_proxy:
            places = {("127.0.0.1", self.behind_proxy[name])}
        else:
            places = {(status.podIP, port) for port in await self._ports(pod)}
            # It has no real sidecar, even if it was injected: callers must not use mTLS with it.
            await self.client.patch(Pod, name, PLAINTEXT, namespace=self.namespace)
        for address, port in places:
            answer = _Answer(pod, self.arrivals)
            self._servers[name].append(await asyncio.start_server(answer, address, port))

    async def _ports(self, pod: Pod) -> set[int]:
        labels = (pod.metadata.labels or {}).items()
        return {
            _number(pod, port)
            async for service in self.client.list(Service, namespace=self.namespace)
            if service.spec.selector and service.spec.selector.items() <= labels
            for port in service.spec.ports
        }

    def _stop(self, name: str) -> None:
        for server in self._servers.pop(name, []):
            server.close()


def _number(pod: Pod, port: ServicePort) -> int:
    target = port.targetPort or port.port
    if isinstance(target, int):
        return target
    containers = pod.spec.containers
    return next(p.containerPort for c in containers for p in c.ports or [] if p.name == target)


class _Answer:
    """A handler that answers requests with the pod's name and labels, and the request's headers."""

    def __init__(self, pod: Pod, arrivals: Counter[str]) -> None:
        self._pod = pod.metadata.name
        self._labels = pod.metadata.labels
        self._arrivals = arrivals

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = (line.partition(":") for line in head.split("\r\n")[1:-2])
                headers = {name.lower(): value.strip() for name, _, value in lines}
                await reader.readexactly(int(headers.get("content-length", 0)))
                self._arrivals[self._pod] += 1
                said = {"pod": self._pod, "labels": self._labels, "headers": headers}
                body = json.dumps(said).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        writer.close()
