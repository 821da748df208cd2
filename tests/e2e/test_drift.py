"""What somebody changes by hand: a preview with --refresh tells it, and an up puts it back."""

import json

import pytest

from tests.fakes.engine import ISTIO

from .checkout import Checkout

ISTIOD = ("deployment", "istiod", "-n", "istio-system")
GATEWAY = ("deployment", "istio-ingressgateway", "-n", "istio-system")
REVIEWS = ("deployment", "reviews-v1", "-n", "bookinfo")
INJECTOR = ("mutatingwebhookconfiguration", "istio-sidecar-injector")


@pytest.mark.parametrize("tool", ["kubectl-edit", "somebodys-controller"])
def test_an_edit_of_istiod_is_put_back(deployed: Checkout, tool: str) -> None:
    """Whichever tool made it: what the stack states, it owns."""
    edit = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "x:1"}]
    deployed.kubectl(
        "patch", *ISTIOD, f"--field-manager={tool}", "--type=json", "-p", json.dumps(edit)
    )

    (step,) = _changes(deployed)
    assert step["op"] == "update"
    assert set(step["detailedDiff"]) == {"spec.template.spec.containers[0].image"}

    deployed.mesh("up", "--", "--refresh")
    live = deployed.kubectl("get", *ISTIOD)
    assert live["spec"]["template"]["spec"]["containers"][0]["image"].endswith(f"pilot:{ISTIO}")


def test_an_istiod_scaled_to_nothing_without_its_webhook_is_put_back(deployed: Checkout) -> None:
    """The injector waits for an istiod, and an autoscaler never starts a thing again from 0.

    What has no autoscaler has the stack's number of pods: any other is drift.
    """
    # While the injector is there: a pod made without it would stay without a sidecar.
    deployed.shell(
        f"kubectl scale {' '.join(REVIEWS)} --replicas=3; "
        f"kubectl rollout status {' '.join(REVIEWS)} --timeout 60s; "
        f"kubectl scale {' '.join(ISTIOD)} --replicas=0; kubectl delete {' '.join(INJECTOR)}; "
        f"kubectl scale {' '.join(GATEWAY)} --replicas=0"
    )

    steps = _changes(deployed)
    assert {step["op"] for step in steps} == {"update", "create"}
    (reviews,) = (step for step in steps if step["urn"].endswith("::bookinfo-reviews-v1"))
    assert set(reviews["detailedDiff"]) == {"spec.replicas"}
    said = deployed.mesh("up", "--", "--refresh")

    assert "istiod was scaled to 0" in said
    assert "istio-ingressgateway was scaled to 0" in said
    assert deployed.kubectl("get", *GATEWAY)["status"]["readyReplicas"] == 1
    assert deployed.kubectl("get", *ISTIOD)["status"]["readyReplicas"] == 1
    assert deployed.kubectl("get", *REVIEWS)["spec"]["replicas"] == 1
    (bundle,) = {
        webhook["clientConfig"]["caBundle"]
        for webhook in deployed.kubectl("get", *INJECTOR)["webhooks"]
    }
    assert bundle
    assert deployed.changes("--refresh") == {}


def test_what_is_stopped_once_more_is_started_once_more(deployed: Checkout) -> None:
    """Without a refresh the stack's state has the replica of the time before: no change by that."""
    for _ in range(2):
        deployed.shell(f"kubectl scale {' '.join(GATEWAY)} --replicas=0")
        deployed.mesh("up")
        assert deployed.kubectl("get", *GATEWAY)["status"]["readyReplicas"] == 1
    assert deployed.changes() == {}


def _changes(checkout: Checkout) -> list[dict]:
    steps = checkout.preview("--refresh")["steps"]
    return [step for step in steps if step["op"] not in ("same", "read", "refresh")]
