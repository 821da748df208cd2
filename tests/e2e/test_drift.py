"""What somebody changes by hand: a preview with --refresh tells it, and an up puts it back."""

import json

import pytest

from .checkout import Checkout

ISTIOD = ("deployment", "istiod", "-n", "istio-system")
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
    assert live["spec"]["template"]["spec"]["containers"][0]["image"].endswith("pilot:1.30.3")


def test_an_istiod_scaled_to_nothing_without_its_webhook_is_put_back(deployed: Checkout) -> None:
    """The injector waits for an istiod, and an autoscaler never starts one again from 0."""
    deployed.shell(
        f"kubectl scale {' '.join(ISTIOD)} --replicas=0; kubectl delete {' '.join(INJECTOR)}"
    )

    assert {step["op"] for step in _changes(deployed)} == {"update", "create"}
    said = deployed.mesh("up", "--", "--refresh")

    assert "istiod was scaled to 0" in said
    assert deployed.kubectl("get", *ISTIOD)["status"]["readyReplicas"] == 1
    (bundle,) = {
        webhook["clientConfig"]["caBundle"]
        for webhook in deployed.kubectl("get", *INJECTOR)["webhooks"]
    }
    assert bundle
    assert deployed.changes("--refresh") == {}


def _changes(checkout: Checkout) -> list[dict]:
    steps = checkout.preview("--refresh")["steps"]
    return [step for step in steps if step["op"] not in ("same", "read", "refresh")]
