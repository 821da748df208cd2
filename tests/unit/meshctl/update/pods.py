"""Pods and events as Kubernetes gives them, trimmed: each doesn't start for another reason."""

from typing import Any

Manifest = dict[str, Any]


def pod(name: str = "details-v1-5bd48-mh6pp", **status: Any) -> Manifest:
    """Return a pod of the Deployment details-v1."""
    return {
        "metadata": {
            "name": name,
            "namespace": "bookinfo",
            "uid": "1",
            "ownerReferences": [{"kind": "ReplicaSet", "name": "details-v1-5bd48"}],
        },
        "status": {"phase": "Pending", **status},
    }


def waiting(reason: str, message: str = "", **more: Any) -> Manifest:
    """Return a pod whose container waits."""
    state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    return pod(containerStatuses=[{"name": "details", "ready": False, "state": state, **more}])


def unscheduled(message: str) -> Manifest:
    """Return a pod without a node."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    return pod(conditions=[{**condition, "message": message}])


def deployment(message: str) -> Manifest:
    """Return a Deployment whose pods the API server refuses."""
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    return {
        "metadata": {"name": "details-v1", "namespace": "bookinfo"},
        "status": {"conditions": [condition]},
    }


def warning(reason: str, message: str, at: str = "2026-01-01T00:00:00Z") -> Manifest:
    """Return an event about the pod."""
    about = {"kind": "Pod", "uid": "1"}
    return {"involvedObject": about, "reason": reason, "message": message, "lastTimestamp": at}


PULL = waiting("ImagePullBackOff", 'Back-off pulling image "istio/details:0"')
UNSCHEDULABLE = unscheduled("0/2 nodes are available: 2 node(s) didn't match Pod's node selector.")
FULL = unscheduled("0/2 nodes are available: 2 Too many pods.")
REJECTED = pod(phase="Failed", reason="OutOfpods", message="Node didn't have enough resource: pods")
CRASH = waiting(
    "CrashLoopBackOff",
    "back-off 5m0s restarting failed container",
    restartCount=4,
    lastState={"terminated": {"exitCode": 2, "reason": "Error"}},
)
STARTING = waiting("ContainerCreating")
QUOTA = deployment('pods "details-v1-5bd48-x" is forbidden: exceeded quota: small, used: pods=5')
WEBHOOK = deployment(
    'Internal error occurred: failed calling webhook "sidecar-injector.istio.io": Post '
    '"https://istiod.mesh.svc:443/inject?timeout=10s": context deadline exceeded'
)
