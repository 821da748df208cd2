"""Pods whose images can't be pulled: the keeper tells so, as a kubelet does."""

import re
from typing import Any

import pytest
from lightkube.resources.core_v1 import Pod

from sandbox.keeper.images import Images
from sandbox.node import admission
from sandbox.node.admission import ANNOTATION, UNPULLABLE

IMAGE = "registry.invalid/details:1"


class Cluster:
    """An API server with one pod, whose status is kept; it also keeps events."""

    def __init__(self, pod: dict[str, Any]) -> None:
        self.pod = pod
        self.told: list[tuple[str, str]] = []
        self.deleted: list[str] = []

    def list(self, *_: object, **__: object) -> list[Pod]:
        """Return the pod."""
        return [Pod.from_dict(self.pod)]

    def patch(self, _kind: type, _name: str, patch: dict[str, Any], **_: object) -> None:
        """Keep its status."""
        self.pod["status"] = patch["status"]

    def delete(self, _kind: type, name: str, **_: object) -> None:
        """Delete it."""
        self.deleted.append(name)

    def tell(self, _about: object, _kind: str, reason: str, message: str) -> None:
        """Keep an event."""
        self.told.append((reason, message))


def pod(mark: str = UNPULLABLE, **metadata: str) -> dict[str, Any]:
    """Return a pod with an image that can't be pulled and one that can."""
    return {
        "metadata": {
            **{"name": "details", "namespace": "bookinfo", "uid": "1"},
            **{"creationTimestamp": "2026-11-27T08:00:00Z", "annotations": {ANNOTATION: mark}},
            **metadata,
        },
        "spec": {
            "nodeName": "node-0",
            "containers": [{"name": "app", "image": IMAGE}, {"name": "other", "image": "busybox"}],
        },
    }


def images(cluster: Any) -> Images:
    """Return the keeper's part for a cluster."""
    return Images(cluster, cluster, is_policy_needed=False)


def test_it_waits_with_the_error_and_then_with_pauses() -> None:
    """By the reasons that a kubelet has, in the pod's status and in its events."""
    cluster = Cluster(pod())
    one, reasons = images(cluster), []
    for _ in range(3):
        one.reconcile()
        app, other = (
            each["state"]["waiting"] for each in cluster.pod["status"]["containerStatuses"]
        )
        reasons.append(app["reason"])

    error = f'Failed to pull image "{IMAGE}": there is no registry registry.invalid'
    back_off = f'Back-off pulling image "{IMAGE}": there is no registry registry.invalid'
    assert reasons == ["ErrImagePull", "ImagePullBackOff", "ImagePullBackOff"]
    assert cluster.told == [("Failed", error), ("BackOff", back_off)]
    assert (app["message"], other["reason"]) == (back_off, "PodInitializing")
    assert cluster.pod["status"]["phase"] == "Pending"


def test_it_ends_when_it_is_deleted() -> None:
    """At once: nothing of it runs."""
    cluster = Cluster(pod(deletionTimestamp="2026-11-27T08:00:01Z"))

    images(cluster).reconcile()

    assert cluster.deleted == ["details"]


def test_other_pods_are_left_alone() -> None:
    """Those that are processes are the node's."""
    cluster = Cluster(pod(admission.PROCESSES))

    images(cluster).reconcile()

    assert "status" not in cluster.pod


@pytest.mark.parametrize(
    ("image", "is_unpullable"),
    [
        (IMAGE, True),
        ("reg.team.invalid:5000/a/b@sha256:00", True),
        ("docker.io/istio/examples-bookinfo-details-v1:1", False),
        ("registry.invalid.example.com/details", False),
        ("details.invalid", False),
        ("docker.io/registry.invalid/details", False),
    ],
)
def test_only_registries_below_invalid_are_not_there(image: str, *, is_unpullable: bool) -> None:
    """A name that never exists, by RFC 6761."""
    assert bool(re.match(admission.UNPULLABLE_IMAGE, image)) is is_unpullable
