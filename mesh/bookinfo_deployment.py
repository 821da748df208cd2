"""A Deployment of Bookinfo: what a stack's settings make of one version of a service."""

from collections.abc import Mapping
from typing import Any

from mesh import pod_security, secrets
from mesh.bookinfo import DEFAULT_ACCOUNT, HEALTH, Microservice
from mesh.settings import Settings


def make(
    stack: Settings, service: Microservice, version: str, revision_mark: Mapping[str, str]
) -> dict[str, Any]:
    """Describe a version's Deployment as the stack wants it, without a sidecar."""
    labels = {"app": service.name, "version": version}
    mark = revision_mark if stack.data_plane.has_sidecars else {}
    annotations = {**service.annotations, **stack.data_plane.pod_annotations, **mark}
    env: list[dict[str, Any]] = [{"name": key, "value": text} for key, text in service.env.items()]
    if service.password:
        key = {"name": secrets.MYSQL_SECRET, "key": secrets.MYSQL_KEY}
        env.append({"name": service.password, "valueFrom": {"secretKeyRef": key}})
    probe = _probe(service) if stack.bookinfo_probes else None
    user = {"runAsUser": service.user} if service.user else {}
    image = f"{stack.bookinfo_hub}/examples-bookinfo-{service.image_name(version)}"
    container = {
        "name": service.name,
        "image": f"{image}:{stack.bookinfo_tag}",
        "imagePullPolicy": "IfNotPresent",
        "args": list(service.args) or None,
        "env": env or None,
        "ports": [{"containerPort": service.port}],
        "resources": stack.bookinfo_resources.model_dump(exclude_defaults=True) or None,
        "readinessProbe": probe,
        "livenessProbe": probe,
        "securityContext": {**pod_security.RESTRICTED_CONTAINER, **user},
        "volumeMounts": [
            {"name": volume, "mountPath": path} for volume, path in service.scratch.items()
        ]
        or None,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"{service.name}-{version}",
            "namespace": stack.bookinfo_namespace,
            "labels": labels,
        },
        "spec": {
            "replicas": 1 if service.is_database else stack.bookinfo_replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {
                    "labels": {**labels, **stack.data_plane.pod_labels},
                    "annotations": annotations or None,
                },
                "spec": {
                    "serviceAccountName": (
                        None if service.account == DEFAULT_ACCOUNT else service.account
                    ),
                    "containers": [container],
                    "volumes": [{"name": volume, "emptyDir": {}} for volume in service.scratch]
                    or None,
                },
            },
        },
    }


def _probe(service: Microservice) -> dict[str, Any]:
    if service.is_database:
        return {"tcpSocket": {"port": service.port}}
    return {"httpGet": {"path": HEALTH, "port": service.port}}
