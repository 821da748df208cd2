"""A running pod with its sidecar, and the template of its Deployment without it."""

from collections.abc import Mapping
from typing import Any

import pulumi
from lightkube.core.exceptions import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod

from mesh.kubernetes.client import connect
from mesh.kubernetes.cluster import Cluster

Manifest = dict[str, Any]

# Fields that Kubernetes itself adds to each pod.
OF_KUBERNETES = ("nodeName", "serviceAccount", "tolerations", "priority", "preemptionPolicy")
OF_KUBERNETES += ("enableServiceLinks",)
ACCOUNT_TOKEN = ("kube-api-access-", "default-token-")
"""The prefixes of the volume with the service account's token, now and before 1.21."""
ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
HASH = "pod-template-hash"


def read(cluster: Cluster, namespace: str, name: str) -> tuple[Manifest, Manifest]:
    """Return a Deployment's template and one of its pods, without what Kubernetes adds to each.

    Raises pulumi.RunError when there is no such pod, or none with a sidecar.
    """
    with connect(cluster) as client:
        try:
            deployment = client.get(Deployment, name, namespace=namespace)
        except ApiError as error:
            raise pulumi.RunError(
                f"{cluster} has no Deployment {namespace}/{name}: {error}"
            ) from error
        spec = deployment.to_dict()["spec"]
        labels = spec["selector"]["matchLabels"]
        pods = [pod.to_dict() for pod in client.list(Pod, namespace=namespace, labels=labels)]
    template = spec["template"]
    if proxy_of(template["spec"]):
        raise pulumi.RunError(
            f"Deployment {namespace}/{name} already has its sidecar in the template (manual "
            "injection): leave out --live"
        )
    stays = (pod for pod in pods if "deletionTimestamp" not in pod["metadata"])
    injected = [pod for pod in stays if proxy_of(pod["spec"])]
    if not injected:
        raise pulumi.RunError(
            f"none of the {len(pods)} pods of Deployment {namespace}/{name} has a sidecar; "
            f"restart them: kubectl rollout restart deployment/{name} -n {namespace}"
        )
    pod = injected[0]
    return _comparable(pod["metadata"]["name"], template), _comparable(pod["metadata"]["name"], pod)


def proxy_of(spec: Mapping[str, Any]) -> Manifest | None:
    """Return a pod's proxy: its sidecar, native or not, or a gateway's proxy."""
    containers = [*spec.get("containers", ()), *(spec.get("initContainers") or ())]
    return next((each for each in containers if each["name"] == "istio-proxy"), None)


def _comparable(name: str, pod: Manifest) -> Manifest:
    """Return a pod without the fields that Kubernetes sets in every pod."""
    labels = {k: v for k, v in (pod["metadata"].get("labels") or {}).items() if k != HASH}
    spec = {key: value for key, value in pod["spec"].items() if key not in OF_KUBERNETES}
    if "volumes" in spec:
        spec["volumes"] = [
            volume for volume in spec["volumes"] if not volume["name"].startswith(ACCOUNT_TOKEN)
        ]
    for kind in ("initContainers", "containers"):
        if kind in spec:
            spec[kind] = [_without_token(container) for container in spec[kind]]
    annotations = pod["metadata"].get("annotations")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            **({"annotations": annotations} if annotations else {}),
            "labels": labels,
        },
        "spec": {key: value for key, value in spec.items() if value != []},
    }


def _without_token(container: Manifest) -> Manifest:
    mounts = [
        mount for mount in container.get("volumeMounts") or () if mount["mountPath"] != ACCOUNT_PATH
    ]
    rest = {key: value for key, value in container.items() if key != "volumeMounts"}
    return {**rest, "volumeMounts": mounts} if mounts else rest
