"""The real proxy of a fake pod: pilot-agent and Envoy, configured by the cluster's own istiod."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import lightkube
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.core_v1 import Container
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Pod, Service, ServiceAccountToken

from console import UserError

CONTAINER = "istio-proxy"
ROOT_CERTIFICATE = "istio-ca-root-cert"
PATIENCE = 30.0  # seconds until a proxy without configuration counts as broken
MARK = 1337
"""The mark of Envoy's own connections; Istio's images know them by the user of this number."""
TOKEN_SECONDS = 12 * 3600


class ProxyError(UserError):
    """A proxy doesn't run; the message has the last lines of its log."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The files that a proxy needs."""

    pilot_agent: Path
    envoy: Path
    bootstrap: Path
    """Istio's template of Envoy's bootstrap configuration."""


class Proxy:
    """The proxy of one pod, in a folder that looks like the pod's file system."""

    def __init__(self, pod: Pod, folder: Path, number: int) -> None:
        """Set the pod, and a number, unique in this network, that determines the proxy's ports."""
        self._pod = pod
        self.folder = folder
        self._status_port, self._admin_port, self._health_port, self._metrics_port = (
            base + 100 * number for base in (15020, 15000, 15021, 15090)
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The pod's address."""
        return str(self._pod.status.podIP)

    def start(
        self, client: lightkube.Client, programs: Programs, *, intercepts: bool = True
    ) -> None:
        """Start it as the pod's container would; without interception it binds its ports itself."""
        words, environment = self.prepare(client, programs, intercepts=intercepts)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                words,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def prepare(
        self, client: lightkube.Client, programs: Programs, *, intercepts: bool = True
    ) -> tuple[list[str], dict[str, str]]:
        """Write its files, and return its command and environment."""
        container = _container(self._pod)
        environment = dict(environment_of(self._pod, container))
        environment |= {
            "PROXY_CONFIG": json.dumps(self._proxy_config(environment, programs)),
            "ENVOY_STATUS_PORT": str(self._health_port),
            "ENVOY_PROMETHEUS_PORT": str(self._metrics_port),
            # Don't ask for the cloud's metadata: there is no cloud.
            "CLOUD_PLATFORM": "none",
            # `kubectl exec` runs pilot-agent by its name.
            "PATH": f"{programs.pilot_agent.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
        }
        if not intercepts:
            environment["ISTIO_META_INTERCEPTION_MODE"] = "NONE"
        self.refresh(client)
        bootstrap = self.folder / "var/lib/istio/envoy/envoy_bootstrap_tmpl.json"
        bootstrap.parent.mkdir(parents=True, exist_ok=True)
        bootstrap.write_text(_marking(programs.bootstrap.read_text()))
        (self.folder / "etc/istio/proxy").mkdir(exist_ok=True)
        arguments = [_expand(argument, environment) for argument in container.args or []]
        return [str(programs.pilot_agent), *arguments], environment

    @property
    def log(self) -> Path:
        """The log of pilot-agent and Envoy."""
        return self.folder / "log"

    def await_ready(self) -> None:
        """Wait until the proxy has its first configuration, as a kubelet would.

        Raises ProxyError when it ends or takes too long.
        """
        for _ in range(int(PATIENCE / 0.1)):
            if self._process is None or self._process.poll() is not None:
                break
            if self._answers(f"http://127.0.0.1:{self._status_port}/healthz/ready"):
                return
            time.sleep(0.1)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise ProxyError(f"the proxy of pod {self._pod.metadata.name} doesn't get ready:\n{tail}")

    def versions(self) -> str:
        """Return the versions of all configuration that the proxy has from istiod."""
        url = f"http://127.0.0.1:{self._admin_port}/stats"
        return httpx2.get(url, params={"filter": r"(lds|rds|cds)\..*version$"}, timeout=5).text

    def end(self) -> None:
        """Kill the proxy, and Envoy with it."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _answers(self, url: str) -> bool:
        try:
            return httpx2.get(url, timeout=2).is_success
        except httpx2.HTTPError:
            return False

    def _proxy_config(self, environment: dict[str, str], programs: Programs) -> dict[str, object]:
        return {
            **json.loads(environment.get("PROXY_CONFIG") or "{}"),
            "binaryPath": str(programs.envoy),
            "configPath": "./etc/istio/proxy",
            "statusPort": self._status_port,
            "proxyAdminPort": self._admin_port,
            "concurrency": 1,
        }

    def refresh(self, client: lightkube.Client) -> None:
        """Write what a kubelet mounts and keeps up to date: token, root certificate, labels."""
        metadata = self._pod.metadata
        root = client.get(ConfigMap, ROOT_CERTIFICATE, namespace=metadata.namespace)
        token = client.create(
            ServiceAccountToken(
                metadata=ObjectMeta(),
                spec=TokenRequestSpec(audiences=["istio-ca"], expirationSeconds=TOKEN_SECONDS),
            ),
            self._pod.spec.serviceAccountName,
            namespace=metadata.namespace,
        )
        for name, text in {
            "var/run/secrets/tokens/istio-token": token.status.token,
            "var/run/secrets/istio/root-cert.pem": (root.data or {})["root-cert.pem"],
            "etc/istio/pod/labels": _downward(metadata.labels),
            "etc/istio/pod/annotations": _downward(metadata.annotations),
        }.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


def name_services(client: lightkube.Client, hosts: Path) -> None:
    """Write a file with the DNS names of a cluster's Services, and mount it as /etc/hosts."""
    lines = ["127.0.0.1 localhost"]
    for service in client.list(Service, namespace="*"):
        name = f"{service.metadata.name}.{service.metadata.namespace}.svc"
        if service.spec.clusterIP not in (None, "None"):
            lines.append(f"{service.spec.clusterIP} {name} {name}.cluster.local")
    hosts.write_text("\n".join(lines) + "\n")
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)


def environment_of(pod: Pod, container: Container) -> Iterator[tuple[str, str]]:
    """Yield a container's variables with the values that a kubelet gives them."""
    for variable in container.env or []:
        source = variable.valueFrom
        if source is None:
            yield variable.name, variable.value or ""
        # Other sources are the container's limits, and there is no container.
        elif source.fieldRef is not None:
            yield variable.name, str(_field(pod, source.fieldRef.fieldPath) or "")


def _container(pod: Pod) -> Container:
    containers = [*pod.spec.containers, *(pod.spec.initContainers or [])]
    return next(container for container in containers if container.name == CONTAINER)


def _field(pod: Pod, path: str) -> object:
    if keyed := re.fullmatch(r"metadata\.(labels|annotations)\['(.*)'\]", path):
        return (getattr(pod.metadata, keyed[1]) or {}).get(keyed[2])
    value: object = pod
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _expand(argument: str, environment: dict[str, str]) -> str:
    return re.sub(r"\$\((\w+)\)", lambda found: environment.get(found[1], found[0]), argument)


def _marking(bootstrap: str) -> str:
    """Return the template of a bootstrap whose Envoy marks the connections that it makes."""
    option = {
        **{"level": socket.SOL_SOCKET, "name": socket.SO_MARK},
        **{"int_value": MARK, "state": "STATE_PREBIND"},
    }
    manager = {"upstream_bind_config": {"socket_options": [option]}}
    return bootstrap.replace("{", '{"cluster_manager": ' + json.dumps(manager) + ",", 1)


def _downward(entries: dict[str, str] | None) -> str:
    return "".join(f"{key}={json.dumps(value)}\n" for key, value in (entries or {}).items())
