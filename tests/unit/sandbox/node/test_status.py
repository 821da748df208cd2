"""The status of a pod that is processes: what `kubectl` and Pulumi's waits read."""

from pathlib import Path
from typing import Any

import pytest
from lightkube.resources.core_v1 import Pod

from sandbox.node import status
from sandbox.node.container import Container, End, Failure

ADDRESS, HOST = "10.244.0.2", "192.0.2.1"


@pytest.fixture
def pod() -> Pod:
    """Return a pod with a native sidecar, as it was created."""
    return Pod.from_dict(
        {
            "metadata": {"name": "details", "creationTimestamp": "2026-11-27T08:00:00Z"},
            "spec": {
                "initContainers": [
                    {"name": "istio-init", "image": "proxyv2"},
                    {"name": "istio-proxy", "image": "proxyv2", "restartPolicy": "Always"},
                ],
                "containers": [{"name": "details", "image": "details-v1"}],
            },
        }
    )


def container(name: str, *, runs: bool = True, **fields: Any) -> Container:
    """Return a container that runs and is ready, or one that was never started."""
    started = "2026-11-27T08:00:01Z" if runs else None
    one = Container(name=name, image=name, log=Path("log"), started=started, ready=runs, **fields)
    one.has_started = runs
    return one


def of(
    pod: Pod, sidecar: Container, application: Container, *, is_initialized: bool = True
) -> dict[str, Any]:
    """Return the pod's status."""
    return status.of(pod, ADDRESS, HOST, [sidecar], [application], is_initialized=is_initialized)


def conditions(found: dict[str, Any]) -> dict[str, str]:
    """Return the conditions' statuses by their types."""
    return {each["type"]: each["status"] for each in found["conditions"]}


def test_a_pod_is_ready_with_all_of_its_containers(pod: Pod) -> None:
    """The init container, which there is no need for, counts as done."""
    found = of(pod, container("istio-proxy"), container("details"))

    assert (found["phase"], found["hostIP"]) == ("Running", HOST)
    assert conditions(found) == {"Initialized": "True", "ContainersReady": "True", "Ready": "True"}
    done, sidecar = found["initContainerStatuses"]
    assert done["state"]["terminated"]["reason"] == "Completed"
    assert sidecar["ready"]


def test_a_pod_waits_for_its_sidecar(pod: Pod) -> None:
    """As with a kubelet, its application isn't started before."""
    sidecar, application = container("istio-proxy", runs=False), container("details", runs=False)

    found = of(pod, sidecar, application, is_initialized=False)

    assert found["phase"] == "Pending"
    assert set(conditions(found).values()) == {"False"}
    [waiting] = found["containerStatuses"]
    assert waiting["state"]["waiting"]["reason"] == "PodInitializing"


def test_a_crash_is_told(pod: Pod) -> None:
    """Pulumi's wait shows reason and message of a container that waits."""
    end = End(code=3, signal=0, started="", finished="", message="starting\nno port is free\n")
    crashed = container("details", runs=False, last=end, restarts=2)

    found = of(pod, container("istio-proxy"), crashed)

    assert conditions(found)["Ready"] == "False"
    [told] = found["containerStatuses"]
    assert told["restartCount"] == 2
    assert told["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": "back-off 1s: container details ended with 3: no port is free",
    }
    assert found["phase"] == "Running"
    assert told["lastState"]["terminated"]["exitCode"] == 3


def test_what_cannot_be_started_is_told(pod: Pod) -> None:
    """A program that isn't there, or a full disk."""
    stuck = container(
        "details", runs=False, failure=Failure("CreateContainerError", "no space left on device")
    )

    [told] = of(pod, container("istio-proxy"), stuck)["containerStatuses"]

    assert told["state"]["waiting"]["reason"] == "CreateContainerError"
    assert told["state"]["waiting"]["message"] == "no space left on device"


def test_a_status_is_written_only_when_it_changes(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write is an event, after which the node looks again."""
    monkeypatch.setattr(status, "now", lambda: "2026-11-27T08:00:02Z")
    first = of(pod, container("istio-proxy"), container("details"))
    monkeypatch.undo()
    assert status.differs({}, first)
    written = Pod.from_dict({**pod.to_dict(), "status": first})

    again = of(written, container("istio-proxy"), container("details"))
    assert not status.differs(written.to_dict()["status"], again)

    changed = of(written, container("istio-proxy"), container("details", runs=False))
    assert status.differs(written.to_dict()["status"], changed)
