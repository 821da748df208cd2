"""The sandbox's replacement of Istio 1.0's sidecar injector, and how the keeper starts it.

The program of that time can't be built any more. This one (`builds/sidecar-injector`) answers the
chart's webhook by the chart's template; the keeper mounts the ConfigMaps that it reads.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import lightkube
from lightkube.generic_resource import GenericGlobalResource, create_global_resource
from lightkube.models.core_v1 import Container
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Service
from lightkube.types import PatchType

from sandbox.keeper.servers import Spec

Webhooks: type[GenericGlobalResource] = create_global_resource(
    *("admissionregistration.k8s.io", "v1beta1"),
    *("MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
)
CA_FILE = "ca.pem"
CONTAINER = "sidecar-injector-webhook"
OPTIONS = {"--injectConfig": "--inject-config", "--meshConfig": "--mesh-config"}
"""The options of the injector in the chart, and those of the sandbox's injector."""


@dataclass(frozen=True)
class SidecarInjector:
    """The sandbox's injector, on the ClusterIP of the Deployment's Service."""

    client: lightkube.Client
    name: str = "sidecar-injector"
    label: dict[str, str] = field(default_factory=lambda: {"istio": "sidecar-injector"})

    def spec(self, deployment: Deployment, folder: Path) -> Spec | None:
        """Return how to start the Deployment's injector, or None while something is missing."""
        service = self._service(deployment)
        container = _container(deployment)
        if service is None or container is None:
            return None
        written = [argument.partition("=") for argument in container.args or []]
        files = [
            f"{OPTIONS[option]}={folder}{path}" for option, _, path in written if option in OPTIONS
        ]
        return Spec(
            address=service.spec.clusterIP,
            arguments=(
                f"--listen={service.spec.clusterIP}:443",
                f"--name={_dns_name(service)}",
                f"--ca-file={folder / CA_FILE}",
                *files,
            ),
        )

    def is_ready(self, deployment: Deployment, spec: Spec, folder: Path) -> bool:
        """Mount its ConfigMaps, let the API server trust it, and return whether it answers."""
        service = self._service(deployment)
        if service is None or not self._mount(deployment, folder):
            return False
        try:
            # As in a kubelet's probe, TLS isn't verified: the API server does that.
            answer = httpx2.get(f"https://{spec.address}/ready", verify=False, timeout=1)
        except httpx2.HTTPError:
            return False
        self._trust(service, (folder / CA_FILE).read_bytes())
        return answer.is_success

    def _service(self, deployment: Deployment) -> Service | None:
        labels = deployment.spec.template.metadata.labels or {}
        for service in self.client.list(Service, namespace=deployment.metadata.namespace):
            selector = service.spec.selector or {}
            if selector and selector.items() <= labels.items():
                return service
        return None

    def _mount(self, deployment: Deployment, folder: Path) -> bool:
        """Write the files of its ConfigMaps as a kubelet does; return False if one is missing."""
        namespace = deployment.metadata.namespace
        for name, path in _mounts(deployment):
            found = self.client.list(ConfigMap, namespace=namespace, fields={"metadata.name": name})
            config = next(iter(found), None)
            if config is None:
                return False
            mounted = folder / path.lstrip("/")
            mounted.mkdir(parents=True, exist_ok=True)
            for key, content in (config.data or {}).items():
                file = mounted / key
                if not file.exists() or file.read_text() != content:
                    file.write_text(content)
        return True

    def _trust(self, service: Service, certificate: bytes) -> None:
        """Write the certificate into the webhooks that call the Service, as the injector did."""
        bundle = base64.b64encode(certificate).decode()
        named = {"name": service.metadata.name, "namespace": service.metadata.namespace}
        for configuration in self.client.list(Webhooks):
            patch = [
                {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": bundle}
                for index, webhook in enumerate(configuration.get("webhooks") or [])
                if named.items() <= (webhook["clientConfig"].get("service") or {}).items()
                and webhook["clientConfig"].get("caBundle") != bundle
            ]
            if patch:
                name = str(configuration.metadata.name)
                self.client.patch(Webhooks, name, patch, patch_type=PatchType.JSON)


def _container(deployment: Deployment) -> Container | None:
    containers = deployment.spec.template.spec.containers
    return next((c for c in containers if c.name == CONTAINER), None)


def _dns_name(service: Service) -> str:
    return f"{service.metadata.name}.{service.metadata.namespace}.svc"


def _mounts(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Yield the name and the mount path of each ConfigMap that the pod mounts."""
    container = _container(deployment)
    volumes = {
        volume.name: str(volume.configMap.name)
        for volume in deployment.spec.template.spec.volumes or []
        if volume.configMap is not None
    }
    for mount in (container.volumeMounts if container else None) or []:
        if mount.name in volumes:
            yield volumes[mount.name], mount.mountPath
