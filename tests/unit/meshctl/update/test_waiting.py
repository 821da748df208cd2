"""Why a pod doesn't start is said while Pulumi waits for it, with what to do."""

from datetime import UTC, datetime
from typing import Any

import httpx2
import pulumi
import pytest
from lightkube.core.exceptions import ConfigError

from mesh.kubernetes import watch_list
from mesh.kubernetes.cluster import Cluster
from meshctl.update import waiting
from meshctl.update.events import Update
from meshctl.update.waiting import Objects, Watch
from meshctl.workspace.stack import Workspace

from . import pods
from .streams import DETAILS, DONE, STARTED, step, update

DETAILS_STARTED = step(
    STARTED,
    DETAILS,
    state={"inputs": {"metadata": {"name": "details-v1", "namespace": "bookinfo"}}},
)
SERVICE = {"spec": {}, "metadata": {"name": "details", "namespace": "bookinfo"}}


@pytest.mark.parametrize(
    ("pod", "says", "remedy"),
    [
        (
            pods.PULL,
            'container details: ImagePullBackOff: Back-off pulling image "istio/details:0"',
            "kubectl describe pod --namespace bookinfo details-v1-5bd48-mh6pp",
        ),
        (
            pods.UNSCHEDULABLE,
            "Unschedulable: 0/2 nodes are available: 2 node(s) didn't match Pod's node selector.",
            "kubectl get nodes --show-labels",
        ),
        (
            pods.FULL,
            "Unschedulable: 0/2 nodes are available: 2 Too many pods.",
            "the nodes are full: add a node, or ask for less: kubectl describe nodes",
        ),
        (
            pods.REJECTED,
            "OutOfpods: Node didn't have enough resource: pods",
            "the nodes are full: add a node, or ask for less: kubectl describe nodes",
        ),
        (
            pods.CRASH,
            "container details: CrashLoopBackOff: it ended 4 times, last with exit code 2 (Error)",
            "kubectl logs --namespace bookinfo details-v1-5bd48-mh6pp --all-containers --previous",
        ),
    ],
    ids=["image", "unschedulable", "full node", "full kubelet", "crash loop"],
)
def test_a_pod_says_why_it_doesnt_start(pod: pods.Manifest, says: str, remedy: str) -> None:
    """In its own words, and with the command that helps."""
    reason = waiting.of_pod(pod, [])

    assert reason is not None
    assert reason.is_problem
    assert reason.workload == "bookinfo/details-v1"
    assert reason.text == f"Pod bookinfo/details-v1-5bd48-mh6pp: {says}"
    assert reason.remedy.endswith(remedy)


@pytest.mark.parametrize(
    ("deployment", "remedy"),
    [
        (pods.QUOTA, "kubectl describe quota --namespace bookinfo"),
        (pods.WEBHOOK, "Check its pods: kubectl get pods --namespace mesh"),
    ],
    ids=["quota", "webhook"],
)
def test_a_deployment_says_why_it_gets_no_pods(deployment: pods.Manifest, remedy: str) -> None:
    """In the API server's words; a webhook's pods are where its address is."""
    (reason,) = waiting.reasons(Objects(deployments=[deployment]), "istio-system")

    message = deployment["status"]["conditions"][0]["message"]
    assert reason.text == f"Deployment bookinfo/details-v1 gets no pods: {message}"
    assert reason.remedy.endswith(remedy)


def test_a_pod_that_is_starting_is_no_problem() -> None:
    """Its newest event says more than its state."""
    events = [
        pods.warning("FailedMount", 'secret "token" not found', "2026-01-01T00:00:02Z"),
        pods.warning("FailedScheduling", "no nodes yet"),
    ]

    alone, with_events = (waiting.of_pod(pods.STARTING, each) for each in ([], events))

    assert alone is not None
    assert with_events is not None
    assert alone.text.endswith("container details: ContainerCreating")
    assert with_events.text.endswith('FailedMount: secret "token" not found')
    assert not alone.is_problem
    assert not with_events.is_problem


@pytest.mark.parametrize(
    "pod",
    [
        pods.pod(conditions=[{"type": "Ready", "status": "True"}]),
        pods.pod(phase="Succeeded"),
        {**pods.PULL, "metadata": {**pods.PULL["metadata"], "deletionTimestamp": "now"}},
    ],
    ids=["ready", "ended", "being deleted"],
)
def test_nothing_is_said_of_a_pod_that_isnt_waited_for(pod: pods.Manifest) -> None:
    """It is ready, or never will be."""
    assert waiting.of_pod(pod, []) is None


def _load_balancer(name: str, created: str, **status: Any) -> pods.Manifest:
    metadata = {"name": name, "namespace": "istio-system", "creationTimestamp": created}
    return {"metadata": metadata, "spec": {"type": "LoadBalancer"}, "status": status}


def test_a_gateway_that_gets_no_address_is_told() -> None:
    """Of those that have waited for more than a minute, with what a cluster without any can do."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    long_ago = "2026-01-01T00:00:00Z"
    given = {"ingress": [{"ip": "192.0.2.1"}]}
    services = [
        _load_balancer("public", long_ago, loadBalancer=given),
        _load_balancer("new", now),
        _load_balancer("internal", long_ago),
    ]

    found = waiting.reasons(Objects(services=services), "istio-system")

    (problem,) = (each for each in found if each.is_problem)
    assert problem.text.startswith("gateway istio-system/internal has no address")
    assert problem.text.endswith("pulumi config set --path 'gateways[0].serviceType' NodePort")


def test_a_namespace_that_cant_be_deleted_says_what_is_left() -> None:
    """Kubernetes deletes it when its last object is gone."""
    condition = {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "x/y in 1"}
    namespace = {"metadata": {"name": "bookinfo"}, "status": {"conditions": [condition]}}

    (reason,) = waiting.reasons(Objects(namespaces=[namespace]), "istio-system")

    assert (reason.text, reason.is_problem) == ("Namespace bookinfo: x/y in 1", True)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Return a watch on an update that waits for details."""
    monkeypatch.setattr(Workspace, "config", {})
    workspace = Workspace("dev", "default")
    return Watch(workspace=workspace, namespaces=("bookinfo",), update=update([DETAILS_STARTED]))


def test_a_problem_is_told_once_when_it_stays(watch: Watch) -> None:
    """In two looks, however long it stays; pods of one Deployment have the same one."""
    other = pods.pod("details-v1-5bd48-other", **pods.PULL["status"])
    objects = Objects(pods=[pods.PULL], services=[SERVICE])
    more = Objects(pods=[pods.PULL, other], services=[SERVICE])

    told = [len(watch.problems(each)) for each in (objects, objects, objects, more)]

    assert told == [0, 1, 0, 0]
    reason = watch.of("bookinfo/details-v1")
    assert reason is not None
    assert "ImagePullBackOff" in reason.text


def test_what_the_update_doesnt_wait_for_is_not_told(watch: Watch) -> None:
    """A pod that was broken before is another matter: `make verify` tells of it."""
    watch.update.add(step(DONE, DETAILS), 1)
    objects = Objects(pods=[pods.PULL], services=[SERVICE])

    assert [watch.problems(objects) for _ in range(3)] == [[], [], []]


def test_a_list_that_is_forbidden_leaves_the_others() -> None:
    """Whoever may not read events sees the pods."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if "events" in request.url.path:
            return httpx2.Response(403, json={})
        return httpx2.Response(
            200,
            json={"items": [pods.PULL]}
            if "pods" in str(request.url)
            else {"items": [], "metadata": {"name": "bookinfo"}},
        )

    with httpx2.Client(base_url="http://x", transport=httpx2.MockTransport(answer)) as client:
        objects = waiting.look(client, ["bookinfo"])

    assert (objects.pods, objects.warnings) == ([pods.PULL], [])


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [pulumi.RunError, ConfigError])
def test_a_cluster_that_cant_be_asked_is_left_to_the_update(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Its own error is the one that a person needs."""
    monkeypatch.setattr(waiting, "PAUSE", 0.01)

    def gone(_: object) -> None:
        raise error("no context 'gone'")

    monkeypatch.setattr(waiting, "plain", gone)
    monkeypatch.setattr(Workspace, "cluster", Cluster(context="gone"))
    told: list[str] = []
    with waiting.watched(watch, told.append):
        pass

    assert told == []


@pytest.mark.parametrize(
    ("kubernetes", "environment", "said"),
    [
        ("v1.15.12", {}, True),
        ("v1.15.12", watch_list.OFF, False),
        ("v1.36.3", {}, False),
    ],
)
def test_an_old_cluster_on_which_nothing_is_made_is_explained(
    monkeypatch: pytest.MonkeyPatch, kubernetes: str, environment: dict[str, str], *, said: bool
) -> None:
    """With the variable that helps: a newer plugin waits there for ever, and says nothing."""
    monkeypatch.setattr(Workspace, "config", {"mesh:context": "old"})
    monkeypatch.setattr(Workspace, "cluster", Cluster(context="old"))
    monkeypatch.setattr(Workspace, "environment", environment)
    monkeypatch.setattr(waiting, "kubernetes_version", lambda _: kubernetes)
    watch = Watch(workspace=Workspace("dev", "default"), namespaces=(), update=Update())

    told = [each.text for _ in range(2) for each in watch.problems(Objects())]

    assert any("export KUBE_FEATURE_WatchListClient=false" in each for each in told) is said
