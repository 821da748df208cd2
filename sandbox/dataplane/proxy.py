"""The real proxy of a pod: pilot-agent and Envoy, configured by the cluster's own istiod."""

import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lightkube
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.core_v1 import Container
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Pod, ServiceAccountToken

CONTAINER = "istio-proxy"
ROOT_CERTIFICATE = "istio-ca-root-cert"
MARK = 1337
"""The mark of Envoy's own connections; Istio's images know them by the user of this number."""
TOKEN_SECONDS = 12 * 3600


@dataclass(frozen=True, kw_only=True)
class Programs:
    """The files that a proxy needs."""

    pilot_agent: Path
    envoy: Path
    bootstrap: Path
    """Istio's template of Envoy's bootstrap configuration."""


class Proxy:
    """The proxy of one pod, in a folder that looks like the pod's file system."""

    def __init__(self, pod: Pod, folder: Path) -> None:
        self._pod = pod
        self.folder = folder

    def prepare(
        self, client: lightkube.Client, programs: Programs
    ) -> tuple[list[str], dict[str, str]]:
        """Write its files, and return its command and environment."""
        container = _container(self._pod)
        environment = dict(environment_of(self._pod, container))
        environment |= {
            "PROXY_CONFIG": json.dumps(self._proxy_config(environment, programs)),
            # Don't ask for the cloud's metadata: there is no cloud.
            "CLOUD_PLATFORM": "none",
            # `kubectl exec` runs pilot-agent by its name.
            "PATH": f"{programs.pilot_agent.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
        }
        self.refresh(client)
        bootstrap = self.folder / "var/lib/istio/envoy/envoy_bootstrap_tmpl.json"
        bootstrap.parent.mkdir(parents=True, exist_ok=True)
        bootstrap.write_text(_marking(programs.bootstrap.read_text()))
        (self.folder / "etc/istio/proxy").mkdir(exist_ok=True)
        arguments = [_expand(argument, environment) for argument in container.args or []]
        return [str(programs.pilot_agent), *arguments], environment

    def _proxy_config(self, environment: dict[str, str], programs: Programs) -> dict[str, object]:
        return {
            **json.loads(environment.get("PROXY_CONFIG") or "{}"),
            "binaryPath": str(programs.envoy),
            "configPath": "./etc/istio/proxy",
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
