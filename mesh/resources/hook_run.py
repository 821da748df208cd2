"""Run helm's hooks: make what they consist of, wait for their jobs, take it all away again."""

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
    """Run them by their weights, each job until it has succeeded, and delete them then.

    Raises RuntimeError when a job fails or isn't done in time; what was made stays to be looked at.
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
    # The plural of all kinds that run a job: ServiceAccount, ClusterRole, ConfigMap, ...
    return f"{place}/{hook['kind'].lower()}s"


def _create(client: httpx2.Client, hook: Manifest) -> None:
    answer = client.post(_path(hook), json=hook)
    if answer.status_code != CONFLICT:  # left by a run that was cut off: the job goes on
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
    # What the job's pods were made from goes with the job.
    options = {"propagationPolicy": "Background"}
    answer = client.delete(f"{_path(hook)}/{hook['metadata']['name']}", params=options)
    if answer.status_code != NOT_FOUND:
        checked(answer)
