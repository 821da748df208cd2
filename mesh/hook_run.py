"""Run helm's hooks: make what they consist of, wait for their jobs, take it all away again."""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.types import CascadeType

from mesh.client import connect
from mesh.cluster import Cluster

Manifest = dict[str, Any]

WEIGHT = "helm.sh/hook-weight"
PATIENCE = 300.0  # seconds for a job, as helm has by default
PAUSE = 0.5  # seconds
CONFLICT, NOT_FOUND = 409, 404


def run(cluster: Cluster, hooks: Sequence[Manifest], *, patience: float = PATIENCE) -> None:
    """Run them by their weights, each job until it has succeeded, and delete them then.

    Raises RuntimeError when a job fails or isn't done in time; what was made stays to be looked at.
    """
    with connect(cluster) as client:
        in_order = sorted(hooks, key=_weight)
        for hook in in_order:
            _create(client, hook)
            if hook["kind"] == "Job":
                _wait(client, hook, patience)
        for hook in reversed(in_order):
            _delete(client, hook)


def _weight(hook: Manifest) -> int:
    return int((hook["metadata"].get("annotations") or {}).get(WEIGHT, 0))


def _resource(hook: Manifest) -> Any:
    return _class(hook["apiVersion"], hook["kind"], namespaced="namespace" in hook["metadata"])


@cache  # lightkube takes a second class for a kind of the core group as a clash
def _class(api_version: str, kind: str, *, namespaced: bool) -> Any:
    group, _, version = api_version.rpartition("/")
    make = create_namespaced_resource if namespaced else create_global_resource
    # The plural of all kinds that run a job: ServiceAccount, ClusterRole, ConfigMap, ...
    return make(group, version, kind, f"{kind.lower()}s")


def _create(client: Client, hook: Manifest) -> None:
    try:
        client.create(_resource(hook)(hook))
    except ApiError as error:
        if error.status.code != CONFLICT:  # left by a run that was cut off: the job goes on
            raise


def _wait(client: Client, job: Manifest, patience: float) -> None:
    metadata = job["metadata"]
    name = f"Job {metadata['name']} in namespace {metadata['namespace']}"
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        live = client.get(_resource(job), metadata["name"], namespace=metadata["namespace"])
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


def _delete(client: Client, hook: Manifest) -> None:
    metadata = hook["metadata"]
    space = {"namespace": metadata["namespace"]} if "namespace" in metadata else {}
    try:
        # What the job's pods were made from goes with the job.
        client.delete(_resource(hook), metadata["name"], cascade=CascadeType.BACKGROUND, **space)
    except ApiError as error:
        if error.status.code != NOT_FOUND:
            raise
