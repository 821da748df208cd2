"""The kubelet: each pod is kept for itself, and what keeps it from running is told."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import ConfigMap, Event, Node, Pod

from sandbox.events import Events
from sandbox.node import kubelet as kubelet_module
from sandbox.node.admission import ANNOTATION, PROCESSES
from sandbox.node.container import Container
from sandbox.node.kubelet import Kubelet, NodeContainers
from sandbox.node.kubelet_api import RefusedError
from sandbox.node.pod import PodError

MISSING = 'configmaps "istio-ca-root-cert" not found'
NODE = {
    "metadata": {"name": "node-0"},
    "status": {
        "addresses": [
            {"type": "Hostname", "address": "localhost"},
            {"type": "InternalIP", "address": "192.0.2.7"},
            {"type": "InternalIP", "address": "2001:db8::7"},
        ]
    },
}


def refusal(message: str) -> ApiError:
    """Return what a request for a missing object fails with."""
    said = httpx2.Response(404, json={"message": message, "code": 404})
    return ApiError(request=httpx2.Request("GET", "https://api"), response=said)


class Processes:
    """The processes of a pod; those of some names fail in their own way."""

    def __init__(self, pod: Any, address: str, host: str, *_: object) -> None:
        self.pod, self.address, self.host, self.is_ready = pod, address, host, False
        self.containers: dict[str, Container] = {}
        if pod.metadata.name == "full":
            raise OSError(28, "No space left on device")
        if pod.metadata.name == "unconnected":
            raise PodError("its network can't be made: no bridge")
        if pod.metadata.name == "strange":
            raise ValueError("embedded null byte")

    def see(self, pod: Pod) -> None:
        """Take the pod as it is now."""

    def step(self) -> list[Any]:
        """Start it, or fail as a request to the API server does."""
        if self.pod.metadata.name == "lacks":
            raise refusal(MISSING)
        self.is_ready = True
        return []

    def refresh(self) -> None:
        """Renew nothing."""

    def status(self) -> dict[str, object]:
        """Have nothing to write."""
        return {}


class Cluster:
    """An API server with some pods and a node."""

    def __init__(self, *pods: Pod) -> None:
        self.pods, self.node = list(pods), Node.from_dict(NODE)
        self.events: list[Event] = []
        self.statuses: dict[str, Any] = {}

    def list(self, kind: type, **_: object) -> list[Any]:
        """Return all objects of a kind."""
        return {Pod: self.pods, Node: [self.node]}.get(kind, [])

    def get(self, kind: type, name: str, **_: object) -> Any:
        """Have none but one ConfigMap."""
        if (kind, name) == (ConfigMap, "there"):
            return ConfigMap(data={"key": "value"})
        raise refusal(f'configmaps "{name}" not found')

    def create(self, event: Event) -> Event:
        """Keep an event."""
        event.metadata.name = f"{event.metadata.generateName}{len(self.events)}"
        self.events.append(event)
        return event

    def patch(self, kind: type, name: str, patch: dict[str, Any], **_: object) -> None:
        """Keep a status, or count an event."""
        if kind is Event:
            found = next((each for each in self.events if each.metadata.name == name), None)
            if found is None:
                raise refusal(f'events "{name}" not found')
            found.count = patch["count"]
        else:
            self.statuses[name] = patch["status"]


def pod(name: str, **spec: Any) -> Pod:
    """Return a pod that the node runs."""
    metadata = {"name": name, "namespace": "bookinfo", "uid": name}
    return Pod.from_dict(
        {
            "metadata": {
                **metadata,
                "creationTimestamp": "2026-11-27T08:00:00Z",
                "annotations": {ANNOTATION: PROCESSES},
            },
            "spec": {"nodeName": "node-0", "containers": [{"name": "app", "image": "a"}], **spec},
        }
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what makes a kubelet for a cluster."""
    monkeypatch.setattr(kubelet_module, "RealPod", Processes)

    def make(cluster: Cluster) -> Kubelet:
        runtime: Any = SimpleNamespace(client=cluster, folder=tmp_path)
        balancer: Any = SimpleNamespace(reconcile=lambda *_: None)
        client: Any = cluster
        return Kubelet(runtime, balancer, Events(client, "kubelet"), 12345)

    return make


def test_a_pod_that_cannot_start_holds_up_no_other(run: Any) -> None:
    """It has an event that says why, once; it is tried again."""
    cluster = Cluster(pod("lacks"), pod("details"))
    kubelet = run(cluster)

    assert [kubelet.reconcile(), kubelet.reconcile()] == [False, False]

    assert {uid: real.is_ready for uid, real in kubelet.pods.items()} == {
        "lacks": False,
        "details": True,
    }
    assert [(each.reason, each.message) for each in cluster.events] == [("FailedSync", MISSING)]


@pytest.mark.parametrize(
    ("name", "reason", "message"),
    [
        ("full", "FailedSync", "No space left on device"),
        ("strange", "FailedSync", "embedded null byte"),
        ("unconnected", "FailedCreatePodSandBox", "its network can't be made: no bridge"),
    ],
)
def test_a_pod_that_cannot_be_made_says_why(run: Any, name: str, reason: str, message: str) -> None:
    """In an event, and in its containers' status, where Pulumi's wait looks."""
    cluster = Cluster(pod(name))

    assert not run(cluster).reconcile()

    [event] = cluster.events
    assert event.reason == reason
    assert message in str(event.message)
    [told] = cluster.statuses[name]["containerStatuses"]
    assert told["state"]["waiting"]["reason"] == "ContainerCreating"
    assert message in told["state"]["waiting"]["message"]


def test_an_ended_pods_address_is_not_given_at_once(run: Any) -> None:
    """Its neighbours still know the place where it was, and would send their requests there."""
    cluster = Cluster(pod("details"))
    kubelet = run(cluster)
    kubelet.reconcile()
    before = kubelet.pods.pop("details").address

    cluster.pods = [pod("ratings")]
    kubelet.reconcile()

    assert kubelet.pods["ratings"].address != before


@pytest.mark.parametrize(
    ("volume", "why"),
    [
        (
            {"configMap": {"name": "none"}},
            'MountVolume.SetUp failed for volume "v" : configmap "none" not found',
        ),
        (
            {"secret": {"secretName": "none"}},
            'MountVolume.SetUp failed for volume "v" : secret "none" not found',
        ),
        (
            {"configMap": {"name": "there", "items": [{"key": "other", "path": "p"}]}},
            'MountVolume.SetUp failed for volume "v" : configmap references non-existent config '
            "key: other",
        ),
        (
            {"projected": {"sources": [{"configMap": {"name": "none"}}]}},
            'MountVolume.SetUp failed for volume "v" : configmap "none" not found',
        ),
        ({"hostPath": {"path": "/"}}, 'volume "v": a sandbox has no hostPath, only configMap'),
        (
            {"projected": {"sources": [{"clusterTrustBundle": {"path": "p"}}]}},
            'volume "v": a sandbox projects no clusterTrustBundle, only configMap',
        ),
    ],
)
def test_a_volume_that_cannot_be_mounted_keeps_a_pod(
    run: Any, volume: dict[str, Any], why: str
) -> None:
    """As with a kubelet: FailedMount, and its containers aren't created."""
    cluster = Cluster(pod("details", volumes=[{"name": "v", **volume}]))

    assert not run(cluster).reconcile()

    [event] = cluster.events
    assert event.reason == "FailedMount"
    assert why in str(event.message)
    [told] = cluster.statuses["details"]["containerStatuses"]
    assert why in told["state"]["waiting"]["message"]


@pytest.mark.parametrize(
    "volume",
    [
        {},
        {"emptyDir": {}},
        {"configMap": {"name": "there"}},
        {"configMap": {"name": "none", "optional": True}},
        {"secret": {"secretName": "none", "optional": True}},
        {"projected": {"sources": [{"serviceAccountToken": {"path": "p"}}]}},
    ],
)
def test_other_volumes_keep_no_pod(run: Any, volume: dict[str, Any]) -> None:
    """What exists, what is optional, and what needs nothing."""
    cluster = Cluster(pod("details", volumes=[{"name": "v", **volume}]))

    assert run(cluster).reconcile()

    assert cluster.events == []


def test_the_node_says_where_its_kubelet_is(run: Any) -> None:
    """The API server asks there for logs; the pods' host is the node."""
    cluster = Cluster(pod("details"))
    kubelet = run(cluster)

    kubelet.reconcile()

    assert cluster.statuses["node-0"] == {
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 12345}},
        "declaredFeatures": ["ExtendWebSocketsToKubelet"],
    }
    assert kubelet.pods["details"].host == "192.0.2.7"


def test_an_event_that_comes_again_is_counted() -> None:
    """As a kubelet counts them; another message is another event."""
    cluster: Any = Cluster()
    events = Events(cluster, "kubelet")

    for message in ("a", "a", "b", "a"):
        events.tell(pod("details"), "Warning", "Unhealthy", message)

    assert [(each.message, each.count) for each in cluster.events] == [("a", 3), ("b", 1)]


def test_an_event_that_the_api_server_deleted_is_written_again() -> None:
    """It keeps events for an hour: what still goes wrong must be seen after it."""
    cluster: Any = Cluster()
    events = Events(cluster, "kubelet")
    events.tell(pod("details"), "Warning", "BackOff", "a")
    cluster.events.clear()

    events.tell(pod("details"), "Warning", "BackOff", "a")

    assert [(each.message, each.count) for each in cluster.events] == [("a", 1)]


def test_the_log_of_an_istiod_is_found_by_its_pod(tmp_path: Path) -> None:
    """The keeper runs it for its Deployment; a pod that is only an object has none."""
    log = tmp_path / "istiod" / "istio-system-istiod-canary" / "log"
    log.parent.mkdir(parents=True)
    log.touch()
    kubelet: Any = SimpleNamespace(pods={})
    containers = NodeContainers(kubelet, tmp_path)

    found = containers.log("istio-system", "istiod-canary-5bf4-6b7wz", "discovery", previous=False)

    assert found.file == log
    with pytest.raises(RefusedError, match=r"container mongo of pod b/mongo-5bf4-6b7wz is no proc"):
        containers.log("b", "mongo-5bf4-6b7wz", "mongo", previous=False)
