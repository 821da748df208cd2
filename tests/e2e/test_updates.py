"""What an update shows while it works, how it ends when it fails, and what is kept of it."""

import json
import os
import re
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from .checkout import Checkout
from .istiod import eventually

FAILING = Path(__file__).parent / "failing_pods.yaml"
PATIENCE = 60  # seconds for an update to come to Bookinfo


def test_an_update_shows_its_phases_and_keeps_its_times(
    deployed: Checkout, first_up: str, tmp_path: Path
) -> None:
    """In a log each phase is told; the timeline has the objects and no content of them."""
    told = re.findall(r"✓ ([\w ]+): \d+ created in", first_up)
    file = tmp_path / "timeline.svg"

    said = deployed.mesh("timeline", "--out", str(file))

    assert set(told) == {"CRDs", "core", "namespaces", "gateways", "Bookinfo", "routes"}
    assert "Resources:\n    + 78 created\n" in first_up
    assert "up of stack dev" in said
    assert "Deployment istio-system/istiod" in file.read_text()
    kept = list((deployed.sandbox.folder / "updates" / "dev").iterdir())
    assert {each.suffix for each in kept} == {".json", ".log"}
    assert {stat.S_IMODE(each.stat().st_mode) for each in kept} == {0o600}
    assert not [each for each in kept if "PRIVATE KEY" in each.read_text()]


@pytest.fixture(scope="module")
def failing(first_up: str, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> object:
    """Have pods that nobody runs, and a webhook that never answers."""
    assert first_up
    with socket.create_server(("127.0.0.1", 0)) as listener:
        file = tmp_path_factory.mktemp("failing") / "failing.yaml"
        port = listener.getsockname()[1]
        file.write_text(FAILING.read_text().replace("PORT", str(port)))
        checkout.shell(f"kubectl apply -f {file}")
        yield
        checkout.shell(f"kubectl delete -f {file}")
    eventually(lambda: not deleted(checkout))
    # What was broken off isn't in the state: only a refresh sees that it must be taken back.
    checkout.mesh("up", "--", "--refresh")
    checkout.shell("kubectl rollout status deployment -n bookinfo --timeout 60s")


def interrupted(checkout: Checkout, meanwhile: Callable[[], None], *texts: str) -> str:
    """Press Ctrl-C in an `up` that has told some texts; return what it said at its end."""
    process = checkout.start("up")
    assert process.stdout is not None
    patience = Timer(2 * PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
    patience.start()
    said = ""
    try:
        meanwhile()
        for line in process.stdout:
            said += line
            if all(text in said for text in texts):
                os.killpg(process.pid, signal.SIGINT)
                break
        rest, _ = process.communicate()
    finally:
        patience.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert "error: " in rest, said + rest
    return rest[rest.index("error: ") :]


def paragraph(said: str, label: str) -> str:
    """Return what the end of a failed update says under a label."""
    found = re.search(rf"^  {label} +(.*(?:\n {{10}}.*)*)", said, re.MULTILINE)
    assert found, said
    return "\n".join(line.strip() for line in found[1].splitlines())


def unrun(checkout: Checkout, *apps: str) -> list[str]:
    """List the pods that nobody runs."""
    labels = f"app in ({','.join(apps)})"
    pods = checkout.kubectl("get", "pods", "-n", "bookinfo", "-l", labels)["items"]
    marked = [each for each in pods if "mesh.pulumi.com/pod" in str(each["metadata"])]
    return [each["metadata"]["name"] for each in marked]


def deleted(checkout: Checkout) -> list[str]:
    """Delete the pods that nobody runs, and so nobody ends; return their names."""
    names = unrun(checkout, "ratings", "productpage")
    if names:
        checkout.shell(f"kubectl delete pods -n bookinfo --force {' '.join(names)}")
    return names


def says(checkout: Checkout, app: str, state: dict[str, Any]) -> None:
    """Say of the pod that nobody runs what a kubelet would, once there is one."""
    eventually(lambda: bool(unrun(checkout, app)), PATIENCE)
    container = {"name": app, "image": app, "imageID": "", "ready": False, "state": state}
    status = json.dumps({"status": {"containerStatuses": [{"restartCount": 0, **container}]}})
    for name in unrun(checkout, app):
        checkout.shell(
            f"kubectl patch pod {name} -n bookinfo --subresource=status --type=merge -p '{status}'"
        )


@pytest.mark.usefixtures("failing")
def test_an_object_that_a_webhook_doesnt_answer_for_fails(deployed: Checkout) -> None:
    """At once, with the API server's words."""
    with deployed.configured(bookinfoServices={"reviews": {"env": {"ANOTHER": "template"}}}):
        said = deployed.fails("up")

    end = said[said.index("error: ") :]
    assert "Deployment bookinfo/reviews-v1 (Bookinfo)" in paragraph(end, "failed")
    assert 'failed calling webhook "deployments.example.com"' in paragraph(end, "reason")
    assert "the webhook doesn't answer" in paragraph(end, "next")

    # Else it would refuse what the next test takes back, too.
    only_pods = '[{"op": "remove", "path": "/webhooks/1"}]'
    deployed.shell(
        f"kubectl patch validatingwebhookconfiguration silent --type=json -p '{only_pods}'"
    )
    deployed.mesh("up")


@pytest.mark.usefixtures("failing")
def test_pods_that_dont_start_are_told_and_named_at_the_end(deployed: Checkout) -> None:
    """An image that isn't pulled, and a webhook that doesn't let pods be created."""
    pull = {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}

    def break_pods() -> None:
        says(deployed, "ratings", pull)

    # Of a new template Pulumi may take the old pods for the new ones, and not wait.
    services = {each: {"replicas": 2} for each in ("ratings", "details")}
    told = ("ErrImagePull", "failed calling webhook")
    with deployed.configured(bookinfoServices=services):
        said = interrupted(deployed, break_pods, *told)

    assert said.startswith("error: up of stack dev was interrupted after ")
    names = {f"Deployment bookinfo/{each}-v1" for each in services}
    assert {*paragraph(said, "failed").splitlines()} >= {f"{each} (Bookinfo)" for each in names}
    reason, following = paragraph(said, "reason"), paragraph(said, "next")
    assert "container ratings: ErrImagePull: manifest unknown" in reason
    assert "kubectl describe pod --namespace bookinfo ratings-v1-" in following
    assert "Deployment bookinfo/details-v1 gets no pods: " in reason
    assert 'failed calling webhook "pods.example.com"' in reason
    assert "kubectl get validatingwebhookconfigurations" in following
    left = paragraph(said, "left")
    assert all(f"may be half done: {each}" in left for each in names)
    assert left.endswith("everything else as it was")
    assert following.endswith("(continues where this one ended)")
    assert Path(paragraph(said, "log")).is_file()
