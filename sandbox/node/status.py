"""The status of a pod that the node runs, as a kubelet writes it."""

from collections.abc import Callable, Sequence
from typing import Any

from lightkube.models.core_v1 import Container as ContainerSpec
from lightkube.resources.core_v1 import Pod

from sandbox.node.container import Container, End, Failure, now


def of(
    pod: Pod,
    address: str,
    node: str,
    sidecars: Sequence[Container],
    containers: Sequence[Container],
    *,
    is_initialized: bool,
) -> dict[str, Any]:
    """Return the status of a pod with these native sidecars and containers.

    `node` is its node's address.
    """
    unready = [each.name for each in (*sidecars, *containers) if not each.ready]
    unstarted = [] if is_initialized else [each.name for each in sidecars if not each.has_started]
    done = [c.name for c in pod.spec.initContainers or [] if c.restartPolicy != "Always"]
    return {
        "phase": "Running" if any(each.started or each.last for each in containers) else "Pending",
        **host(node),
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": pod.metadata.creationTimestamp.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conditions": _conditions(pod, unready, unstarted),
        "initContainerStatuses": [
            *(_finished(pod, name) for name in done),
            *(_container(each) for each in sidecars),
        ],
        "containerStatuses": [_container(each) for each in containers],
    }


def pending(pod: Pod, why: Callable[[ContainerSpec], Failure]) -> dict[str, Any]:
    """Return the status of a pod whose containers wait, each for a reason."""
    sidecars, containers = pod.spec.initContainers or [], pod.spec.containers
    names = [each.name for each in (*sidecars, *containers)]

    def statuses(specs: Sequence[ContainerSpec]) -> list[dict[str, Any]]:
        return [
            {
                **{"name": spec.name, "image": spec.image, "imageID": "", "restartCount": 0},
                **{"ready": False, "started": False, "state": _waiting(why(spec))},
            }
            for spec in specs
        ]

    return {
        "phase": "Pending",
        "startTime": pod.metadata.creationTimestamp.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conditions": _conditions(pod, names, [each.name for each in sidecars]),
        "initContainerStatuses": statuses(sidecars),
        "containerStatuses": statuses(containers),
    }


def host(address: str) -> dict[str, Any]:
    """Return the part of a pod's status that names its node."""
    return {"hostIP": address, "hostIPs": [{"ip": address}]}


def _waiting(failure: Failure) -> dict[str, Any]:
    return {"waiting": {"reason": failure.reason, "message": failure.message}}


def _conditions(
    pod: Pod, unready: Sequence[str], unstarted: Sequence[str]
) -> list[dict[str, str | None]]:
    before = {c.type: c for c in (pod.status.conditions if pod.status else None) or []}
    conditions = []
    for kind, names, reason, what in (
        ("Initialized", unstarted, "ContainersNotInitialized", "incomplete"),
        ("ContainersReady", unready, "ContainersNotReady", "unready"),
        ("Ready", unready, "ContainersNotReady", "unready"),
    ):
        status = "False" if names else "True"
        earlier = before.get(kind)
        since = earlier.lastTransitionTime if earlier and earlier.status == status else None
        conditions.append(
            {
                "type": kind,
                "status": status,
                "reason": reason if names else None,
                "message": f"containers with {what} status: {list(names)}" if names else None,
                "lastTransitionTime": since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else now(),
            }
        )
    return conditions


def _container(container: Container) -> dict[str, Any]:
    return {
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "ready": container.ready,
        "started": container.has_started,
        "restartCount": container.restarts,
        "state": _state(container),
        "lastState": {"terminated": _end(container.last)} if container.last else {},
    }


def _state(container: Container) -> dict[str, Any]:
    if container.started is not None:
        return {"running": {"startedAt": container.started}}
    if container.failure is not None:
        return _waiting(container.failure)
    if container.last is not None:
        why = f"back-off {container.pause:.0f}s: {container.summary}"
        return _waiting(Failure("CrashLoopBackOff", why))
    return {"waiting": {"reason": "PodInitializing"}}


def _end(end: End) -> dict[str, Any]:
    return {
        "exitCode": end.code,
        "signal": end.signal,
        "reason": "Error" if end.code else "Completed",
        "message": end.message,
        "startedAt": end.started,
        "finishedAt": end.finished,
    }


def _finished(pod: Pod, name: str) -> dict[str, Any]:
    image = next(c.image for c in pod.spec.initContainers or [] if c.name == name)
    at = pod.metadata.creationTimestamp.strftime("%Y-%m-%dT%H:%M:%SZ")
    done = {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at}
    return {
        **{"name": name, "image": image, "imageID": "", "ready": True, "restartCount": 0},
        "state": {"terminated": done},
    }


def differs(have: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Return whether a pod's status isn't the wanted one."""
    return any(_lacks(have.get(key), value) for key, value in wanted.items())


def _lacks(have: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return any(_lacks((have or {}).get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        if wanted and isinstance(wanted[0], dict) and "type" in wanted[0]:
            by_type = {each.get("type"): each for each in have or []}
            return any(_lacks(by_type.get(each["type"]), each) for each in wanted)
        return len(have or []) != len(wanted) or any(
            _lacks(a, b) for a, b in zip(have or [], wanted, strict=True)
        )
    return bool(wanted or have) and have != wanted
