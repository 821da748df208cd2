"""Deployments of extensions/v1beta1, as releases before Istio 1.5 have them: how they are awaited.

Pulumi's own wait reads a Deployment as apps/v1 and keeps that in the state: the next update shows a
change of apiVersion, and ends the plugin with "expected APIVersion" (provider/pkg/await/await.go,
Update; tried with 4.25.0 on Kubernetes 1.15). A wait by annotation reads the object as it is.
"""

import json
from typing import Any

EARLY = ("extensions/v1beta1", "Deployment")


def await_pods(manifest: dict[str, Any]) -> None:
    """Wait until as many pods as wanted are of the newest template and ready.

    Where an autoscaler decides how many, until enough are ready to count as available.
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
