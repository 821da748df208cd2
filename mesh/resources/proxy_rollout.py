"""Rollout of a proxy that istiod deploys: a preview shows it, and an update waits for it."""

import time
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from mesh.kubernetes.cluster import Cluster, referenced
from mesh.settings.labels import REVISION

PATIENCE = 300.0  # seconds until an update gives up
PAUSE = 0.5  # seconds
SETTLE = 3.0  # seconds in which istiod notices that its template's values have changed
NOT_FOUND = 404
DECIDE = ("revision", "version", "template", "deployment", "namespace", "replicas")
"""Inputs that change the pods; the kubeconfig and the context don't."""


class ProxyRolloutProvider(ResourceProvider):
    """Provider that waits for the rollout: Pulumi can't, since istiod creates the Deployment."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait for the first pods."""
        _wait(props)
        return CreateResult("proxy-rollout", props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Report a change of the revision, of Istio's version, or of the template's values."""
        keys = (*DECIDE, "kubeconfig", "context")
        return DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in keys))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Wait for the new pods."""
        if _olds.get("template") != _news["template"]:
            time.sleep(SETTLE)
        if any(_olds.get(key) != _news.get(key) for key in DECIDE):
            _wait(_news)
        return UpdateResult(_news)


class ProxyRollout(Resource, module="mesh", name="ProxyRollout"):
    """Rollout of a Gateway's proxy: depend on it before creating objects that need the proxy."""

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        *,
        deployment: str,
        namespace: str,
        revision: str,
        version: str,
        template: str,
        replicas: int | None = None,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Wait for a Deployment.

        `version` is the tag of the proxy's image, with its digest if it is pinned, and empty if
        unknown; `template` changes with the
        values that istiod fills the pod template with; `replicas` None is for any number.
        """
        super().__init__(
            ProxyRolloutProvider(),
            name,
            {
                **cluster.reference,
                "deployment": deployment,
                "namespace": namespace,
                "revision": revision,
                "version": version,
                "template": template,
                **({"replicas": replicas} if replicas is not None else {}),
            },
            opts,
        )


def _wait(props: dict[str, Any]) -> None:
    """Wait until all pods have the wanted revision and version, and are ready.

    Raises RuntimeError when that takes too long.
    """
    cluster = referenced(props)
    if cluster is None:
        return
    from mesh.kubernetes.client import checked, plain  # noqa: PLC0415 - a client for updates only

    namespace, name = props["namespace"], props["deployment"]
    lacks = ""
    deadline = time.monotonic() + PATIENCE
    with plain(cluster) as client:
        while time.monotonic() < deadline:
            answer = client.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
            if answer.status_code == NOT_FOUND:
                lacks = "istiod hasn't created it"
            elif not (lacks := lacking(checked(answer).json(), props)):
                return
            time.sleep(PAUSE)
    raise RuntimeError(
        f"Deployment {name} in namespace {namespace}, which istiod creates for a Gateway, isn't "
        f"done after {PATIENCE:.0f} s: {lacks}. `kubectl describe gateway,deployment,pods -n "
        f"{namespace}` tells why; then run the update again"
    )


def lacking(live: dict[str, Any], props: Mapping[str, Any]) -> str:
    """Return why the rollout of a Deployment isn't complete; empty once it is."""
    revision, version = props["revision"], props["version"]
    template, status = live["spec"]["template"], live.get("status") or {}
    of = (template["metadata"].get("annotations") or {}).get(REVISION, revision)
    if of != revision:
        return f"it has proxies of revision {of}, not of {revision} yet"
    images = [container["image"] for container in template["spec"]["containers"]]
    tags = [image.rpartition("/")[2].partition(":")[2] for image in images]
    if version and not any(tag.startswith(version) for tag in tags):
        return f"it has {' and '.join(images)}, not {version} yet"
    wanted = live["spec"].get("replicas", 1)
    # Pulumi's engine keeps numbers as floats.
    if (replicas := props.get("replicas")) is not None and wanted != replicas:
        return f"it has {wanted} replicas, not {replicas:.0f} yet"
    is_seen = status.get("observedGeneration", 0) >= live["metadata"]["generation"]
    done = min(status.get(key, 0) for key in ("updatedReplicas", "availableReplicas"))
    if not is_seen or done < wanted or status.get("replicas", 0) > wanted:
        return f"{done if is_seen else 0} of {wanted} new pods are ready"
    return ""
