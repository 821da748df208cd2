"""The status of a pod whose kubelet is the keeper."""

from datetime import UTC, datetime

from lightkube.resources.core_v1 import Pod


def of(pod: Pod, *, ready: bool, address: str | None) -> dict[str, object] | None:
    """Return the status that the pod should have, or None if it already has it."""
    conditions = {c.type: c.status for c in (pod.status.conditions if pod.status else []) or []}
    phase = pod.status.phase if pod.status else None
    if phase == "Running" and conditions.get("Ready") == str(ready):
        return None
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "phase": "Running",
        "startTime": now,
        "podIP": address,
        "podIPs": [{"ip": address}] if address else None,
        "conditions": [
            {"type": kind, "status": status, "lastTransitionTime": now}
            for kind, status in (
                ("Initialized", "True"),
                ("Ready", str(ready)),
                ("ContainersReady", str(ready)),
            )
        ],
        "containerStatuses": [
            {
                "name": container.name,
                "image": container.image,
                "imageID": "",
                "ready": ready,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            }
            for container in pod.spec.containers
        ],
    }
