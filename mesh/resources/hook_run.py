"""Run of helm's hooks: create their objects, wait for their Jobs, delete all of them."""

import time
from collections.abc import Sequence
from typing import Any

import httpx2

from mesh.kubernetes.client import checked, plain
from mesh.kubernetes.cluster import Cluster

Manifest = dict[str, Any]

WEIGHT = "helm.sh/hook-weight"
PATIENCE = 300.0  # seconds for a job, as helm has by default
PAUSE = 0.5  # seconds
CONFLICT, NOT_FOUND = 409, 404


def run(cluster: Cluster, hooks: Sequence[Manifest], *, patience: float = PATIENCE) -> None:
    """Run the hooks by weight, wait until each Job has succeeded, then delete all of them.

    Raises RuntimeError when a Job fails or isn't done in time; its objects then stay for debugging.
    """
    with plain(cluster) as client:
        in_order = sorted(hooks, key=_weight)
        for hook in in_order:
            _create(client, hook)
            if hook["kind"] == "Job":
                _wait(client, hook, patience)
        for hook in reversed(in_order):
            _delete(client, hook)


def _weight(hook: Manifest) -> int:
    return int((hook["metadata"].get("annotations") or {}).get(WEIGHT, 0))


def _path(hook: Manifest) -> str:
    version, namespace = hook["apiVersion"], hook["metadata"].get("namespace")
    api = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = f"{api}/namespaces/{namespace}" if namespace else api
    # The right plural of every kind that a Job needs: ServiceAccount, ClusterRole, ConfigMap, ...
    return f"{place}/{hook['kind'].lower()}s"


def _create(client: httpx2.Client, hook: Manifest) -> None:
    answer = client.post(_path(hook), json=hook)
    if answer.status_code != CONFLICT:  # left by an interrupted run: its Job goes on
        checked(answer)


def _wait(client: httpx2.Client, job: Manifest, patience: float) -> None:
    metadata = job["metadata"]
    name = f"Job {metadata['name']} in namespace {metadata['namespace']}"
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        live = checked(client.get(f"{_path(job)}/{metadata['name']}")).json()
        reached = {
            condition["type"]: condition.get("message", "")
            for condition in (live.get("status") or {}).get("conditions") or []
            if condition["status"] == "True"
        }
        if "Complete" in reached:
            return
        if "Failed" in reached:
            raise RuntimeError(f"{name} failed: {reached['Failed']}")
        time.sleep(PAUSE)
    raise RuntimeError(
        f"{name}, which cleans up after Istio, isn't done after {patience:.0f} s: kubectl describe "
        "tells why; destroy again when that is mended, or clean up by hand and take the "
        "DeletionHooks out of the state with `pulumi state delete`"
    )


def _delete(client: httpx2.Client, hook: Manifest) -> None:
    # Without it, a Job's pods would stay.
    options = {"propagationPolicy": "Background"}
    answer = client.delete(f"{_path(hook)}/{hook['metadata']['name']}", params=options)
    if answer.status_code != NOT_FOUND:
        checked(answer)
