"""`mesh verify` on a real mesh: healthy is 0, and a pod without its sidecar is 1 and its name."""

import json
from typing import Any

from .checkout import Checkout


def findings(said: str) -> list[dict[str, Any]]:
    """Read what `verify --json` found, behind the signs of life."""
    return json.loads(said[said.index("{\n") :])["findings"]


def test_a_deployed_stack_is_healthy(deployed: Checkout) -> None:
    """Each check says so, those too that ask the webhooks; and nothing is stored by that."""
    found = findings(deployed.mesh("verify", "--json"))

    assert [finding for finding in found if finding["status"] not in ("ok", "info")] == []
    subjects = {finding["subject"]: finding["found"] for finding in found}
    assert subjects["injector default"] == subjects["validator default"] == "answers"
    assert subjects["bookinfo"] == "6 pods with istio-proxy"
    assert "mesh-verify" not in deployed.shell("kubectl get pods,virtualservices -A")


def test_a_pod_from_before_the_label_is_wrong(deployed: Checkout) -> None:
    """It is named, with the command that makes it anew; and that command helps."""
    deployed.shell(
        "kubectl create namespace late; kubectl create deployment early --image=plain -n late; "
        "kubectl rollout status deployment/early -n late --timeout 30s; "
        "kubectl label namespace late istio-injection=enabled"
    )
    try:
        said = deployed.fails("verify")
        assert "late/early-" in said
        remedy = "kubectl rollout restart deployment/early -n late"
        assert remedy in said

        deployed.shell(f"{remedy}; kubectl rollout status deployment/early -n late --timeout 30s")
        deployed.mesh("verify")
    finally:
        deployed.shell("kubectl delete namespace late")
