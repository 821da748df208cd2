"""Deployments of extensions/v1beta1, which releases before Istio 1.5 have, and the wait for them.

Pulumi's own wait reads a Deployment as apps/v1 and keeps that in the state: the next update shows a
change of apiVersion, and ends the plugin with "expected APIVersion" (provider/pkg/await/await.go,
Update; tried with 4.25.0 on Kubernetes 1.15). A wait by annotation reads the object as it is.
"""

import json
from typing import Any

EARLY = ("extensions/v1beta1", "Deployment")


def await_pods(manifest: dict[str, Any]) -> None:
    """Wait until all wanted pods have the newest template and are ready.

    If an autoscaler sets their number, wait until the Deployment is available.
    """
    if (manifest["apiVersion"], manifest["kind"]) != EARLY:
        return
    replicas = manifest["spec"].get("replicas")
    conditions = ["condition=Available"]
    if replicas:
        counts = ("updatedReplicas", "readyReplicas")
        # A chart's numbers come through protobuf, which has floats only.
        conditions = [f"jsonpath={{.status.{count}}}={int(replicas)}" for count in counts]
    metadata = manifest["metadata"]
    wait = {"pulumi.com/waitFor": json.dumps(conditions)}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **wait}
