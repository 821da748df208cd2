"""What counts as ready."""

from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.kubernetes_plugin.engine import Engine
from sandbox.kubernetes_plugin.errors import NotReadyError, ResourceError
from sandbox.kubernetes_plugin.reading import Properties
from sandbox.kubernetes_plugin.resources import Resources
from sandbox.kubernetes_plugin.waiting import jsonpath, single
from sandbox.kubernetes_plugin.waiting.conditions import (
    AnnotationError,
    check,
    expressions,
    wait_for,
)
from sandbox.kubernetes_plugin.waiting.deployment import REVISION, DeploymentAwaiter
from sandbox.kubernetes_plugin.waiting.informers import Event
from sandbox.kubernetes_plugin.waiting.pods import JobAwaiter, pod_errors
from sandbox.kubernetes_plugin.waiting.replicas import DaemonSetAwaiter
from sandbox.kubernetes_plugin.waiting.service import ServiceAwaiter
from sandbox.kubernetes_plugin.waiting.session import (
    Session,
    WaitCancelledError,
    WaitTimeoutError,
    wait,
)
from sandbox.kubernetes_plugin.writing import to_struct
from tests.plugin.client import config_map, urn_of

OBJECT = {
    "metadata": {"generation": 2},
    "spec": {"replicas": 3, "paused": True, "names": ["a", "b"], "k.x": "dotted"},
    "webhooks": [{"name": "one", "clientConfig": {"caBundle": "abc"}}],
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("{.spec.replicas}", True),
        ("{.spec.replicas}=3", True),
        ("{.spec.replicas}=4", False),
        ("{.spec.paused}=true", True),
        ("{.spec.missing}", False),
        ("{$.spec.names[1]}=b", True),
        ("{.spec.names[-1]}=b", True),
        ("{.spec.names[*]}=a", True),
        ("{.spec['k.x']}=dotted", True),
        ("{.webhooks[0].clientConfig.caBundle}", True),
        ("{.spec}", True),
        ("{..caBundle}=abc", True),
        ('{.status.conditions[?(@.type=="Ready")].status}=True', True),
        ('{.status.conditions[?(@.type=="Other")].status}=True', False),
        ("{ .spec.replicas }=3", True),
    ],
)
def test_a_jsonpath_matches_what_it_names(expression, matches):
    """As provider/pkg/jsonpath/jsonpath_test.go has it."""
    assert jsonpath.parse(f"jsonpath={expression}").matches(OBJECT)[0] is matches


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("jsonpath=.spec", "wrapped in brackets"),
        ("jsonpath={.spec}=", "requires a value"),
        ("jsonpath='{.spec}'", "shell quotes"),
        ("jsonpath={.a}=b=c", "format should be"),
        ("{.a}", "prefix"),
        ("jsonpath={.a[}", "unexpected"),
    ],
)
def test_a_malformed_jsonpath_is_refused(expression, problem):
    """The error says what is wrong."""
    with pytest.raises(ValueError, match=problem):
        jsonpath.parse(expression)


def test_a_map_is_not_compared_with_a_value():
    """It can't be written in the annotation."""
    with pytest.raises(ValueError, match="non-primitive"):
        jsonpath.parse("jsonpath={.spec}=x").matches(OBJECT)


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("condition=Ready", True),
        ("condition=ready", True),
        ("condition=Ready=False", False),
        ("condition=Other", False),
    ],
)
def test_conditions_are_compared_without_case(expression, holds):
    """As provider/pkg/await/condition/custom_test.go has it."""
    assert check(expression, OBJECT)[0] is holds


@pytest.mark.parametrize("expression", ["condition=Ready", "jsonpath={.spec}"])
def test_a_status_of_an_older_generation_does_not_count(expression):
    """The controller hasn't seen the update yet."""
    stale = OBJECT | {"status": OBJECT["status"] | {"observedGeneration": 1}}
    assert check(expression, stale)[0] is False


def test_an_annotation_holds_one_expression_or_a_list():
    """A JSON list waits for all of them."""
    assert expressions("condition=Ready") == ["condition=Ready"]
    assert expressions('["condition=A", "jsonpath={.b}"]') == ["condition=A", "jsonpath={.b}"]
    with pytest.raises(AnnotationError, match="prefix"):
        expressions("Ready")
    with pytest.raises(AnnotationError, match="at least one"):
        expressions("[]")
    with pytest.raises(AnnotationError, match="wrapped in brackets"):
        expressions("jsonpath=.spec")


def deployment(revision="1", generation=1, observed=1, **conditions):
    """Make a Deployment with conditions given as type=(status, reason)."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "a",
            "uid": "d",
            "generation": generation,
            "annotations": {REVISION: revision},
        },
        "status": {
            "observedGeneration": observed,
            "conditions": [
                {"type": kind, "status": status, "reason": reason, "message": reason}
                for kind, (status, reason) in conditions.items()
            ],
        },
    }


def replica_set(ready, wanted=1, revision="1"):
    """Make the ReplicaSet of a revision."""
    return {
        "metadata": {
            "name": f"a-{revision}",
            "uid": f"r{revision}",
            "annotations": {REVISION: revision},
            "ownerReferences": [{"uid": "d"}],
        },
        "spec": {"replicas": wanted},
        "status": {"readyReplicas": ready},
    }


AVAILABLE = {"Available": ("True", "MinimumReplicasAvailable")}
DONE = {"Progressing": ("True", "NewReplicaSetAvailable")}
ROLLING = {"Progressing": ("True", "ReplicaSetUpdated")}


@pytest.mark.parametrize(
    ("obj", "replicas", "ready"),
    [
        (deployment(**AVAILABLE), replica_set(1), True),
        (deployment(**AVAILABLE), replica_set(0), False),
        (deployment(**AVAILABLE), None, False),
        (deployment(), replica_set(1), False),
        (deployment(generation=2, observed=1, **AVAILABLE), replica_set(1), False),
        (deployment("2", **AVAILABLE, **DONE), replica_set(1, revision="2"), True),
        (deployment("2", **AVAILABLE, **ROLLING), replica_set(1, revision="2"), False),
        (deployment("2", **AVAILABLE, **DONE), replica_set(1, revision="1"), False),
        (deployment(**AVAILABLE), replica_set(None, wanted=0), True),
    ],
)
def test_a_deployment_is_ready_with_its_revision(obj, replicas, ready):
    """As provider/pkg/await/deployment_test.go has it."""
    awaiter = DeploymentAwaiter(obj)
    awaiter.handle(Event("own", "ADDED", obj))
    if replicas:
        awaiter.handle(Event("replica set", "ADDED", replicas))
    assert awaiter.ready() is ready


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ({"replicas": 1, "updatedReplicas": 1}, True),
        ({"replicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1}, False),
        ({"replicas": 2, "updatedReplicas": 1}, False),
    ],
)
def test_a_deployment_without_a_deadline_is_ready_when_all_pods_are_new(status, ready):
    """Such as one of extensions/v1beta1, as provider/pkg/await/deployment.go has it."""
    obj = deployment("2", **AVAILABLE)
    obj["spec"] = {"replicas": 1, "progressDeadlineSeconds": 2**31 - 1}
    obj["status"] |= status
    awaiter = DeploymentAwaiter(obj)
    awaiter.handle(Event("own", "ADDED", obj))
    awaiter.handle(Event("replica set", "ADDED", replica_set(1, revision="2")))
    assert awaiter.ready() is ready


def test_a_deployment_says_why_it_is_not_ready():
    """The reasons name the controller's and the containers' complaints."""
    obj = deployment(Available=("False", "MinimumReplicasUnavailable"))
    awaiter = DeploymentAwaiter(obj)
    awaiter.handle(Event("own", "ADDED", obj))
    awaiter.handle(Event("replica set", "ADDED", replica_set(0)))
    pod = {
        "metadata": {"name": "p", "ownerReferences": [{"uid": "r1"}]},
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Initialized", "status": "True"},
                {"type": "Ready", "status": "False", "reason": "x", "message": "not ready: "},
            ],
            "containerStatuses": [
                {"name": "c", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}
            ],
        },
    }
    awaiter.handle(Event("pod", "ADDED", pod))
    reasons = "\n".join(awaiter.reasons())
    assert "[MinimumReplicasUnavailable]" in reasons
    assert "Minimum number of live Pods was not attained" in reasons
    assert "[Pod p]: not ready: [ErrImagePull] no" in reasons


def service(**spec):
    """Make a Service."""
    return {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "s"}, "spec": spec}


SELECTS = {"selector": {"a": "b"}}


@pytest.mark.parametrize(
    ("obj", "ready"),
    [
        (service(type="ExternalName"), True),
        (service(clusterIP="None", **SELECTS), True),
        (service(), True),
        (service(**SELECTS), False),
        (service(type="LoadBalancer"), False),
        (
            service(type="LoadBalancer")
            | {"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}},
            True,
        ),
    ],
)
def test_a_service_is_ready_by_its_type(obj, ready):
    """Without a selector nothing is waited for but an address (service_test.go)."""
    awaiter = ServiceAwaiter(obj)
    awaiter.handle(Event("own", "ADDED", obj))
    assert awaiter.ready() is ready


def test_a_service_waits_until_its_endpoints_settle():
    """Ten seconds after a change, and with no endpoint pending."""
    obj = service(**SELECTS)
    awaiter = ServiceAwaiter(obj)
    awaiter.handle(Event("own", "ADDED", obj))
    pending = {"metadata": {"name": "s"}, "subsets": [{"notReadyAddresses": [{}]}]}
    there = {"metadata": {"name": "s"}, "subsets": [{"addresses": [{}]}]}
    settled = Event("settled", "", {})
    seen = []
    for event in (Event("endpoints", "ADDED", pending), settled):
        awaiter.handle(event)
        seen.append(awaiter.ready())
    for event in (Event("endpoints", "MODIFIED", there), settled):
        awaiter.handle(event)
        seen.append(awaiter.ready())
    assert seen == [False, False, False, True]


class Ended(Session):
    """A session that tells of some events, and then ends with an error."""

    def __init__(self, error, *events):
        self._error = error
        self._told = events

    def follow_own(self, obj):
        """Do nothing."""

    def follow(self, gvk, namespace, tag):
        """Do nothing."""

    def later(self, seconds, tag):
        """Do nothing."""

    def say(self, message):
        """Do nothing."""

    def events(self):
        """Give the events, then end."""
        yield from self._told
        raise self._error


LATE, CANCELLED = WaitTimeoutError("late"), WaitCancelledError("cancelled")


@pytest.mark.parametrize("end", [LATE, CANCELLED])
def test_a_service_that_could_be_used_is_not_late(end):
    """When the time is over, nobody asks whether its endpoints settled (service.go, await)."""
    obj = service(**SELECTS)
    waited = wait(ServiceAwaiter(obj), Ended(end, Event("own", "ADDED", obj)))
    assert waited == obj

    pending = {"metadata": {"name": "s"}, "subsets": [{"notReadyAddresses": [{}]}]}
    events = (Event("own", "ADDED", obj), Event("endpoints", "ADDED", pending))
    with pytest.raises(NotReadyError):
        wait(ServiceAwaiter(obj), Ended(end, *events))


def test_a_value_that_cannot_be_compared_is_waited_out():
    """It may become another one; if not, the end says so (condition/jsonpath.go, Satisfied)."""
    session = Ended(LATE, Event("own", "MODIFIED", OBJECT | {"spec": "x"}))
    assert wait_for("jsonpath={.spec}=x", OBJECT, session)["spec"] == "x"
    with pytest.raises(NotReadyError, match="non-primitive"):
        wait_for("jsonpath={.spec}=x", OBJECT, Ended(LATE))
    with pytest.raises(NotReadyError, match="late"):
        wait_for('["jsonpath={.none}", "jsonpath={.spec}=x"]', OBJECT, Ended(LATE))


def test_an_object_whose_wait_cannot_begin_is_forgotten():
    """Though it was created (await.go, Creation: a ReadyCondition that fails isn't partial)."""
    inputs = config_map("space")
    inputs["metadata"]["annotations"] = {"pulumi.com/waitFor": "Ready"}
    connection: Any = SimpleNamespace(
        cluster=None,
        renders=False,
        settings=SimpleNamespace(server_side_apply=True),
        change=lambda *_, **__: SimpleNamespace(create=lambda live, **_: live),
        session=lambda *_: None,
    )
    with pytest.raises(ResourceError, match="was not successfully created") as caught:
        Resources(Engine(None), connection).create(
            urn_of("core/v1:ConfigMap"), Properties(to_struct(inputs)), preview=False, timeout=0
        )
    assert type(caught.value) is ResourceError


POLLED = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}}
DAEMONS = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d"}}


@pytest.mark.parametrize(
    ("awaiter", "end", "message"),
    [
        (ServiceAwaiter(service(**SELECTS)), LATE, "'s' timed out waiting to be Ready"),
        (
            ServiceAwaiter(service(**SELECTS)),
            CANCELLED,
            'Resource operation was cancelled for "s"',
        ),
        (single.persistent_volume(POLLED), LATE, "Timeout occurred polling for 'v'"),
        (
            single.persistent_volume(POLLED),
            CANCELLED,
            "Resource operation was cancelled for 'v'",
        ),
        (DaemonSetAwaiter(DAEMONS), LATE, "timed out waiting for the condition"),
        (DaemonSetAwaiter(DAEMONS), CANCELLED, "timed out waiting for the condition"),
    ],
)
def test_the_end_of_a_wait_is_told_as_its_kind_does(awaiter, end, message):
    """As provider/pkg/await/error.go, daemonset.go and provider/pkg/watcher/watcher.go."""
    with pytest.raises(NotReadyError) as caught:
        wait(awaiter, Ended(end))
    assert str(caught.value) == message
    assert bool(caught.value.reasons) == (type(awaiter) is ServiceAwaiter)


def test_an_object_that_is_polled_is_given_its_own_time():
    """Whatever a timeout says (provider/pkg/await/awaiters.go)."""
    assert single.persistent_volume(POLLED).seconds == 300
    assert single.quota(POLLED).seconds == 60
    assert single.token_secret(POLLED).seconds == 5


def pod_of(owner, name, **status):
    """Make a Pod of an owner, by its UID."""
    return {"metadata": {"name": name, "ownerReferences": [{"uid": owner}]}, "status": status}


def test_a_pod_that_no_node_takes_is_no_error():
    """One may come: it is told, and no warning (provider/pkg/await/checker/pod/check.go)."""
    waiting = {"type": "PodScheduled", "status": "False", "reason": "x", "message": "no nodes"}
    pod = pod_of("r", "p", conditions=[waiting])
    assert pod_errors([pod], {"metadata": {"uid": "r"}}) == []


def test_a_job_remembers_what_was_wrong_with_its_pods():
    """Each once, the unready too, and at last why it failed (provider/pkg/await/job.go)."""
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "uid": "u"}}
    awaiter = JobAwaiter(job)
    conditions = [
        {"type": "PodScheduled", "status": "True"},
        {"type": "Initialized", "status": "True"},
        {"type": "Ready", "status": "False", "reason": "x"},
    ]
    for message in ("containers with unready status: [a]", "other", "other"):
        conditions[2] = conditions[2] | {"message": message}
        awaiter.handle(Event("pod", "MODIFIED", pod_of("u", "p", conditions=list(conditions))))
    awaiter.handle(Event("pod", "DELETED", pod_of("u", "p")))
    failed = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "late"}
    with pytest.raises(NotReadyError) as caught:
        awaiter.handle(Event("own", "MODIFIED", job | {"status": {"conditions": [failed]}}))
    assert caught.value.reasons == [
        "[Pod p]: containers with unready status: [a]",
        "[Pod p]: other",
        "[DeadlineExceeded] late",
    ]


def test_a_failed_job_ends_the_wait():
    """Nobody waits ten minutes for what can't happen."""
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "status": {
            "conditions": [
                {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"},
            ]
        },
    }
    with pytest.raises(NotReadyError) as caught:
        JobAwaiter(job).handle(Event("own", "MODIFIED", job))
    assert "BackoffLimitExceeded" in caught.value.reasons[0]
