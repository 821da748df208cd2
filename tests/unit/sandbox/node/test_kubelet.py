"""The node: each pod is kept for itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Event, Pod

from sandbox.node import inside
from sandbox.node.admission import ANNOTATION, PROCESSES
from sandbox.node.inside import Node

MISSING = 'configmaps "istio-ca-root-cert" not found'


class Processes:
    """The processes of a pod, of which one can't get its root certificate."""

    def __init__(self, pod: Any, address: str, *_: object) -> None:
        self.pod, self.address, self.is_ready = pod, address, False

    def see(self, pod: Pod) -> None:
        """Take the pod as it is now."""

    def step(self) -> list[str]:
        """Start it, or fail as a request to the API server does."""
        if self.pod.metadata.name == "lacks":
            said = httpx2.Response(404, json={"message": MISSING, "code": 404})
            raise ApiError(request=httpx2.Request("GET", "https://api"), response=said)
        self.is_ready = True
        return []

    def refresh(self) -> None:
        """Renew nothing."""

    def status(self) -> dict[str, object]:
        """Have nothing to write."""
        return {}


def test_a_pod_that_cannot_start_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has an event that says why, once; it is tried again."""
    monkeypatch.setattr(inside, "RealPod", Processes)
    events: list[Event] = []
    pods = [
        Pod.from_dict(
            {
                "metadata": {
                    **{"name": name, "namespace": "bookinfo", "uid": name},
                    "annotations": {ANNOTATION: PROCESSES},
                },
                "spec": {"nodeName": "node-0", "containers": []},
            }
        )
        for name in ("lacks", "details")
    ]
    client = SimpleNamespace(
        list=lambda kind, **_: pods if kind is Pod else [],
        create=events.append,
    )
    around: Any = SimpleNamespace(client=client, folder=tmp_path)
    ways_in: Any = SimpleNamespace(mend=lambda *_: None)
    node = Node(around, ways_in)

    assert [node.mend(), node.mend()] == [False, False]

    assert {uid: real.is_ready for uid, real in node.pods.items()} == {
        "lacks": False,
        "details": True,
    }
    assert [(each.reason, each.message) for each in events] == [("FailedSync", MISSING)]
