"""The stack on its own cluster, with servers for its fake pods and real proxies for three."""

import asyncio
import base64
import json
import os
import ssl
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import lightkube
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod, Secret

from console import UserError
from mesh.bookinfo import istio_routes
from mesh.bookinfo.services import FRONT, PORT
from mesh.project import PROJECT
from sandbox.cluster import Sandbox
from sandbox.dataplane import proxy
from sandbox.dataplane.pods import Pods
from sandbox.dataplane.proxy import Programs, Proxy
from traffic import twin
from traffic.load import Target

STACK = "traffic"
HOST = f"bookinfo.{STACK}.localhost"
"""The default of Bookinfo's host."""
NAMESPACE = "bookinfo"
TWIN = "bookinfo-twin"
"""The namespace of a second stack's Bookinfo."""
TWINS_HOST = f"{TWIN}.localhost"
ISTIO_NAMESPACE = "istio-system"
GATEWAY_LABELS = {
    "istio": {"istio": "ingressgateway"},
    "gateway-api": {"gateway.networking.k8s.io/gateway-name": "istio-ingressgateway"},
}
"""The labels of the gateway's pod, by the routing API that creates the gateway."""
ROLES = ("gateway", "client", "guard")
HTTP_PORT = 80
HTTPS_PORT = 8443
"""The port that the gateway's proxy listens on for HTTPS: istiod has 443 on the same machine."""
GUARDED = "details"
"""The service whose pod has a sidecar in front of it: only a sidecar refuses plain text."""
BEHIND = 19080
"""The port on which that sidecar reaches its application."""
SETTLED_SECONDS = 1.0
"""istiod waits 0.1 s for more changes before it sends one to the proxies."""

Gateway = create_namespaced_resource("networking.istio.io", "v1", "Gateway", "gateways")
Sidecar = create_namespaced_resource("networking.istio.io", "v1", "Sidecar", "sidecars")


class StageError(UserError):
    """The stack isn't as needed; the message says what was tried and how it failed."""


class Stage:
    """The deployed stack, its servers and its proxies."""

    def __init__(self, sandbox: Sandbox, programs: Programs) -> None:
        self._sandbox = sandbox
        self._programs = programs
        self._log = sandbox.folder / "mesh.log"
        self._proxies: dict[str, Proxy] = {}

    async def deploy(self, settings: Mapping[str, Any]) -> None:
        """Deploy the stack with these settings, by the same command that users run.

        Raises StageError when that fails.
        """
        words = [w for path, value in _flat(settings) for w in ("--config", f"mesh:{path}={value}")]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "meshctl", "up", "--", "--config-path", *words),
                cwd=PROJECT,
                env={**os.environ, "STACK": STACK, "SANDBOX": self._sandbox.name},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if await process.wait():
            tail = "\n".join(self._log.read_text().splitlines()[-30:])
            raise StageError(f"`meshctl up` with {dict(settings)} failed:\n{tail}")

    async def start(self) -> None:
        """Start servers and proxies on the addresses of the deployed stack's pods."""
        proxy.name_services(self._client, self._sandbox.folder / "hosts")
        guarded = self._pod(NAMESPACE, app=GUARDED)
        self._servers.behind_proxy[guarded.metadata.name] = BEHIND
        await self._servers.start()
        self._client.apply(_sidecar())
        self._start("client", self._pod(NAMESPACE, app=FRONT), intercepts=False)
        self._start("guard", guarded, intercepts=False)
        await self.start_gateway("istio")

    async def start_twin(self) -> frozenset[str]:
        """Create a second stack's Bookinfo next to the first, with servers; return its pods."""
        hosts = (HOST, TWINS_HOST)
        await asyncio.to_thread(twin.make, self._client, NAMESPACE, TWIN, hosts)
        await self._twins_servers.start()
        return frozenset(self._twins_servers.labels)

    async def start_gateway(self, api: str) -> None:
        """Start the proxy of a routing API's gateway, in place of an earlier gateway's."""
        if "gateway" in self._proxies:
            self._proxies.pop("gateway").end()
        self._start("gateway", self._pod(ISTIO_NAMESPACE, **GATEWAY_LABELS[api]))
        for one in self._proxies.values():
            await asyncio.to_thread(one.await_ready)

    def _start(self, name: str, pod: Pod, *, intercepts: bool = True) -> None:
        folder = self._sandbox.folder / "proxies" / str(pod.metadata.name)
        self._proxies[name] = Proxy(pod, folder, ROLES.index(name))
        self._proxies[name].start(self._client, self._programs, intercepts=intercepts)

    async def settle(self) -> None:
        """Wait until the proxies have all configuration from istiod."""
        before = None
        while (now := [one.versions() for one in self._proxies.values()]) != before:
            before = now
            await asyncio.sleep(SETTLED_SECONDS)

    def entry(self, headers: Mapping[str, str], host: str = HOST) -> Target:
        """Return the target of requests from outside: the gateway."""
        address = self._proxies["gateway"].address
        path = f"/{FRONT}"
        return Target(address=address, port=HTTP_PORT, host=host, path=path, headers=headers)

    def secure(self, trusting: ssl.SSLContext, host: str = HOST) -> Target:
        """Return the target of requests from outside by HTTPS."""
        address = self._proxies["gateway"].address
        return Target(address=address, port=HTTPS_PORT, host=host, path=f"/{FRONT}", tls=trusting)

    def keep_secret(self, name: str, files: Mapping[str, str]) -> None:
        """Put a certificate beside the gateway's pods, or renew it."""
        data = {key: base64.b64encode(text.encode()).decode() for key, text in files.items()}
        metadata = ObjectMeta(name=name, namespace=ISTIO_NAMESPACE)
        self._client.apply(Secret(metadata=metadata, type="kubernetes.io/tls", data=data))

    def secure_twin(self, credential: str) -> None:
        """Give the second stack's host a certificate of its own, as its stack would."""
        server = {
            "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
            "hosts": [TWINS_HOST],
            "tls": {"mode": "SIMPLE", "credentialName": credential},
        }
        plain = {"port": {"number": HTTP_PORT, "name": "http", "protocol": "HTTP"}}
        spec = {
            "selector": GATEWAY_LABELS["istio"],
            "servers": [{**plain, "hosts": [TWINS_HOST]}, server],
        }
        metadata = ObjectMeta(name=istio_routes.GATEWAY, namespace=TWIN)
        self._client.apply(Gateway(metadata=metadata, spec=spec))

    def inside(self, service: str, headers: Mapping[str, str]) -> Target:
        """Return the target of an application's requests to a service: its own sidecar."""
        return Target(address="127.0.0.1", port=PORT, host=service, headers=headers)

    def bypass(self) -> Target:
        """Return the target of requests that no proxy sends: the guarded pod's own address."""
        return Target(address=self._proxies["guard"].address, port=PORT, host=GUARDED)

    @cached_property
    def _client(self) -> lightkube.Client:
        return lightkube.Client(config=self._kubeconfig, field_manager="traffic")

    @cached_property
    def _servers(self) -> Pods:
        return self._servers_of(NAMESPACE)

    @cached_property
    def _twins_servers(self) -> Pods:
        return self._servers_of(TWIN)

    def _servers_of(self, namespace: str) -> Pods:
        client = lightkube.AsyncClient(config=self._kubeconfig, field_manager="traffic")
        return Pods(client, namespace)

    @property
    def _kubeconfig(self) -> lightkube.KubeConfig:
        return lightkube.KubeConfig.from_file(self._sandbox.kubeconfig)

    @property
    def pods(self) -> frozenset[str]:
        """The pods of the stack, including deleted ones."""
        return frozenset(self._servers.labels)

    @property
    def arrivals(self) -> Counter[str]:
        """The number of requests that each pod got so far."""
        return self._servers.arrivals.copy()

    def version(self, pod: str) -> str:
        """Return the version of a pod."""
        return self._servers.labels[pod]["version"]

    async def end(self) -> None:
        """End servers and proxies."""
        for one in self._proxies.values():
            one.end()
        await self._servers.end()
        await self._twins_servers.end()

    def _pod(self, namespace: str, **labels: str) -> Pod:
        pods = list(self._client.list(Pod, namespace=namespace, labels=labels))
        if not pods:
            raise StageError(f"namespace {namespace} has no pod with the labels {labels}")
        return pods[0]


def _sidecar() -> Any:
    """Return the Sidecar that binds the guard to its pod's port; real pods have iptables for it."""
    spec = {
        "workloadSelector": {"labels": {"app": GUARDED}},
        "ingress": [
            {
                "port": {"number": PORT, "protocol": "HTTP", "name": "http"},
                "defaultEndpoint": f"127.0.0.1:{BEHIND}",
            }
        ],
        "egress": [{"hosts": ["~/*"]}],
    }
    return Sidecar(metadata={"name": "guard", "namespace": NAMESPACE}, spec=spec)


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
