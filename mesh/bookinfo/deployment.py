"""Deployment manifests of Bookinfo: one per version of a service, from a stack's settings."""

from collections.abc import Mapping
from typing import Any

from mesh.bookinfo import database, images, waypoint_labels
from mesh.bookinfo.services import DEFAULT_ACCOUNT, HEALTH, Microservice, Sample
from mesh.kubernetes import pod_security
from mesh.resources import early_deployments, secrets
from mesh.settings.bookinfo_service import BookinfoService
from mesh.settings.schema import Settings

PROBES = ("readinessProbe", "livenessProbe")
SERVE_ON = {"preStop": {"exec": {"command": ["sleep", "5"]}}}
"""What a container does before it ends: requests still come until all sidecars know of its end."""


def make(
    settings: Settings,
    sample: Sample,
    service: Microservice,
    version: str,
    revision_mark: Mapping[str, str],
) -> dict[str, Any]:
    """Return a version's Deployment manifest by the stack's settings, without a sidecar."""
    labels = {"app": service.name, "version": version}
    own = settings.bookinfo_services.get(service.name) or BookinfoService()
    mark = revision_mark if settings.data_plane.has_sidecars else {}
    reads_password = database.secret_variable(settings, service)
    password = secrets.password_mark(settings) if reads_password else {}
    annotations = {
        **service.annotations,
        **settings.data_plane.pod_annotations,
        **mark,
        **password,
    }
    whole = {
        "apiVersion": sample.deployments,
        "kind": "Deployment",
        "metadata": {
            "name": f"{service.name}-{version}",
            "namespace": settings.bookinfo_namespace,
            "labels": labels,
        },
        "spec": {
            "replicas": 1 if service.is_database else own.replicas or settings.bookinfo_replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {
                    "labels": {
                        **labels,
                        **settings.data_plane.pod_labels,
                        **waypoint_labels.of_pods(settings, service.name),
                    },
                    "annotations": annotations or None,
                },
                "spec": {
                    # An injector adds the platform's own pull secrets, if it has any.
                    "imagePullSecrets": [{"name": name} for name in settings.pull_secrets] or None,
                    "serviceAccountName": (
                        None if service.account == DEFAULT_ACCOUNT else service.account
                    ),
                    "containers": [_container(settings, sample, service, version, own)],
                    "nodeSelector": own.node_selector or None,
                    "tolerations": [
                        each.model_dump(by_alias=True, exclude_none=True)
                        for each in own.tolerations
                    ]
                    or None,
                    "volumes": [{"name": volume, "emptyDir": {}} for volume in service.scratch]
                    or None,
                },
            },
        },
    }
    return _bare(whole) if sample.is_bare else whole


def _container(
    settings: Settings,
    sample: Sample,
    service: Microservice,
    version: str,
    own: BookinfoService,
) -> dict[str, Any]:
    variables = {**database.variables(settings, service), **own.env}
    env: list[dict[str, Any]] = [{"name": key, "value": text} for key, text in variables.items()]
    secret = database.secret_variable(settings, service)
    if secret and settings.bookinfo_ratings:
        name, key = secrets.DATABASES[settings.bookinfo_ratings]
        env.append({"name": secret, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}})
    probe = _probe(service) if settings.bookinfo_probes else None
    user = {"runAsUser": service.user} if service.user else {}
    return {
        "name": service.name,
        "image": images.whole(settings, sample, service, version),
        "imagePullPolicy": "IfNotPresent",
        "args": list(service.args) or None,
        "env": env or None,
        "ports": [{"containerPort": service.port}],
        "resources": (own.resources or settings.bookinfo_resources).model_dump(
            exclude_defaults=True
        )
        or None,
        **dict.fromkeys(PROBES, probe),
        "lifecycle": None if service.is_database else SERVE_ON,
        "securityContext": {**pod_security.RESTRICTED_CONTAINER, **user},
        "volumeMounts": [
            {"name": volume, "mountPath": path} for volume, path in service.scratch.items()
        ]
        or None,
    }


def _bare(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Keep only the fields of the sample of Istio 1.0 to 1.4, and those that the settings set."""
    pod = whole["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    kept = ("name", "image", "imagePullPolicy", "ports", "resources", *PROBES)
    bare = {
        "apiVersion": whole["apiVersion"],
        "kind": whole["kind"],
        "metadata": {key: whole["metadata"][key] for key in ("name", "namespace")},
        "spec": {
            "replicas": whole["spec"]["replicas"],
            "template": {
                # Kubernetes derives the selector from these labels once, so they must not change.
                # The injector of Istio 1.0 to 1.4 reads no pod labels.
                "metadata": {"labels": whole["spec"]["selector"]["matchLabels"]},
                "spec": {
                    "imagePullSecrets": pod["imagePullSecrets"],
                    "containers": [{key: container[key] for key in kept}],
                },
            },
        },
    }
    early_deployments.await_pods(bare)
    return bare


def _probe(service: Microservice) -> dict[str, Any]:
    if service.is_database:
        return {"tcpSocket": {"port": service.port}}
    return {"httpGet": {"path": HEALTH, "port": service.port}}
