"""Real istiods: how the keeper starts the process of an istiod Deployment, of any revision."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import lightkube
import yaml
from lightkube.models.core_v1 import Container
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Service

from sandbox.keeper.servers import Spec

PLAIN_ENVOY = {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"}
"""Switches that leave Istio's own filters out: only the Envoy in Istio's images has them."""
CONFIG = "/etc/istio/config"
"""The folder where istiod looks for a file with its mesh config before it reads the ConfigMap."""


@dataclass(frozen=True)
class Istiod:
    """pilot-discovery, on the ClusterIP of the Deployment's Service."""

    client: lightkube.Client
    kubeconfig: Path
    plain_envoy: bool = False
    """Whether sidecars are Envoys without Istio's own filters."""
    name: str = "istiod"
    label: dict[str, str] = field(default_factory=lambda: {"app": "istiod"})

    def spec(self, deployment: Deployment, folder: Path) -> Spec | None:
        """Return how to start the Deployment's istiod, or None while something is missing."""
        service = self._service(deployment)
        container = next(
            (c for c in deployment.spec.template.spec.containers if c.name == "discovery"), None
        )
        if service is None or container is None:
            return None
        environment = dict(_environment(container, deployment))
        if self.plain_envoy:
            if not self._mount_mesh_config(deployment, environment, folder):
                return None
            environment |= PLAIN_ENVOY
        address = service.spec.clusterIP
        options = {
            "kubeconfig": str(self.kubeconfig),
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
            environment=tuple(environment.items()),
            template=json.dumps(deployment.spec.template.to_dict(), sort_keys=True, default=str),
        )

    def is_ready(self, deployment: Deployment, spec: Spec, folder: Path) -> bool:
        """Return whether istiod answers; it writes all else that it needs into the cluster."""
        try:
            return httpx2.get(f"http://{spec.address}:8080/ready", timeout=1).is_success
        except httpx2.HTTPError:
            return False

    def _mount_mesh_config(
        self, deployment: Deployment, environment: Mapping[str, str], folder: Path
    ) -> bool:
        """Write the mesh config without providers of metrics; return False if it is missing.

        A provider of metrics is a filter of Istio's own. istiod follows changes of the file.
        """
        revision = environment.get("REVISION", "default")
        name = "istio" if revision in ("", "default") else f"istio-{revision}"
        namespace = deployment.metadata.namespace
        found = self.client.list(ConfigMap, namespace=namespace, fields={"metadata.name": name})
        config = next(iter(found), None)
        if config is None:
            return False
        text = _without_metrics((config.data or {}).get("mesh") or "")
        file = folder / CONFIG.lstrip("/") / "mesh"
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
        return True

    def _service(self, deployment: Deployment) -> Service | None:
        labels = deployment.spec.template.metadata.labels or {}
        for service in self.client.list(Service, namespace=deployment.metadata.namespace):
            selector = service.spec.selector or {}
            is_istiod = selector.get("app") == "istiod" and selector.items() <= labels.items()
            # Several can match: a revision's own Service, and that of its tag.
            if is_istiod and service.metadata.name == deployment.metadata.name:
                return service
        return None


def _without_metrics(text: str) -> str:
    """Return a mesh config without default providers of metrics."""
    try:
        mesh = yaml.safe_load(text) or {}
        (mesh.get("defaultProviders") or {}).pop("metrics", None)
    except (yaml.YAMLError, AttributeError):
        return text  # somebody has broken it: istiod says so in its log
    return yaml.safe_dump(mesh)


def _environment(container: Container, deployment: Deployment) -> Iterator[tuple[str, str]]:
    fields = {
        "metadata.name": deployment.metadata.name,
        "metadata.namespace": deployment.metadata.namespace,
        "spec.serviceAccountName": deployment.spec.template.spec.serviceAccountName,
    }
    for variable in container.env or []:
        source = variable.valueFrom
        if variable.name == "KUBECONFIG":  # a path in the container; here it is an argument
            continue
        if source is None:
            yield variable.name, variable.value or ""
        elif source.fieldRef is not None and source.fieldRef.fieldPath in fields:
            yield variable.name, fields[source.fieldRef.fieldPath] or ""
