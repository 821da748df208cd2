"""An update that failed ends with what failed, why, what was left and what to do next."""

from dataclasses import replace
from pathlib import Path

import pytest

from meshctl.update.events import Update
from meshctl.update.failure import Failure
from meshctl.update.waiting import Objects, Watch
from meshctl.workspace.stack import Workspace

from . import pods
from .streams import CRD, DETAILS, DONE, FAILED, STARTED, said, step, update

NAMED = {"inputs": {"metadata": {"name": "details-v1", "namespace": "bookinfo"}}}
TIMED_OUT = said(
    "error",
    f'creation of resource "{DETAILS}" failed: details-v1: timed out waiting to be Ready',
    DETAILS,
)
FAILS = [
    step(STARTED, CRD),
    step(DONE, CRD),
    step(STARTED, DETAILS, state=NAMED),
    TIMED_OUT,
    step(FAILED, DETAILS),
    said("error", "update failed"),
]


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workspace, "config", {})


def _text(found: Update, objects: Objects | None = None, log: Path | None = None) -> str:
    watch = Watch(workspace=Workspace("dev", "default"), namespaces=(), update=found)
    if objects:
        watch.problems(objects)
    return str(
        Failure(
            update=found,
            watch=watch,
            stack="dev",
            command="up",
            again="make up",
            log=log,
            istio_namespace="istio-system",
        )
    )


SERVICE = {"spec": {}, "metadata": {"name": "details", "namespace": "bookinfo"}}


@pytest.mark.parametrize(
    ("objects", "reason", "remedy"),
    [
        (Objects(pods=[pods.PULL]), "ImagePullBackOff: Back-off pulling", "registryCredentials"),
        (Objects(pods=[pods.UNSCHEDULABLE]), "node selector", "get nodes --show-labels"),
        (Objects(pods=[pods.FULL]), "Too many pods", "kubectl describe nodes"),
        (Objects(pods=[pods.CRASH]), "CrashLoopBackOff: it ended 4 times", "kubectl logs"),
        (Objects(deployments=[pods.QUOTA]), "exceeded quota", "kubectl describe quota"),
        (Objects(deployments=[pods.WEBHOOK]), "context deadline exceeded", "--namespace mesh"),
    ],
    ids=["image", "unschedulable", "full node", "crash loop", "quota", "webhook"],
)
def test_the_end_has_the_pods_own_words(objects: Objects, reason: str, remedy: str) -> None:
    """Beside Pulumi's, which says only that the time is over."""
    services = replace(objects, services=[SERVICE])

    lines = _text(update(FAILS, passed=45), services).splitlines()

    assert lines[0] == "up of stack dev failed after 45 s"
    assert lines[1] == "  failed  Deployment bookinfo/details-v1 (Bookinfo)"
    assert lines[2] == "  reason  details-v1: timed out waiting to be Ready"
    assert reason in lines[3]
    assert lines[4:7] == [
        "  left    1 created (CRDs)",
        "          may be half done: Deployment bookinfo/details-v1",
        "          everything else as it was",
    ]
    assert lines[7].startswith("  next    ")
    assert remedy in lines[7]
    assert lines[-1] == "          make up  (continues where this one ended)"


def test_a_webhook_that_times_out_for_the_object_itself_is_named() -> None:
    """Such as Istio's own, which checks routes: Pulumi's message has it, and no pod."""
    message = (
        f'resource "{DETAILS}" was not successfully created by the Kubernetes API server: '
        'failed calling webhook "v": Post "https://HOST/validate": context deadline exceeded'
    )
    hosts = {
        "istiod.mesh.svc:443": "Check its pods: kubectl get pods --namespace mesh",
        "hooks.example.com": "kubectl get validatingwebhookconfigurations",
    }
    for host, command in hosts.items():
        failed = said("error", message.replace("HOST", host), DETAILS)
        text = _text(update([step(STARTED, DETAILS), failed, step(FAILED, DETAILS)]))

        assert '  reason  failed calling webhook "v"' in text
        assert command in text


def test_a_program_that_refuses_its_config_has_changed_nothing() -> None:
    """Its message has the remedy."""
    found = update([said("error", "the config has 1 mistake:\n  - mesh:hub: no such thing")])

    assert _text(found).splitlines()[1:] == [
        "  failed  the program",
        "  reason  the config has 1 mistake:",
        "            - mesh:hub: no such thing",
        "  left    nothing was changed",
        "  next    make up, when the cause is removed",
    ]


def test_what_only_pulumi_itself_printed_is_shown(tmp_path: Path) -> None:
    """Such as a wrong option, or what failed in a preview: those have no events."""
    log = tmp_path / "up.log"
    log.write_text("Previewing update (dev)\n\nDiagnostics:\n  mesh: error: no cluster\n")

    text = _text(update([]), log=log)

    assert "  reason  Diagnostics:\n            mesh: error: no cluster\n" in text
    assert text.endswith(f"  log     {log}")


def test_an_interrupted_update_says_what_may_be_half_done() -> None:
    """That it was cancelled is no reason."""
    cancelled = said("error", "operation was cancelled", DETAILS)
    found = update([step(STARTED, DETAILS, state=NAMED), cancelled, step(FAILED, DETAILS)])
    found.is_interrupted = True

    text = _text(found)

    assert "was interrupted" in text
    assert "may be half done: Deployment bookinfo/details-v1" in text
    assert "reason" not in text


def test_a_killed_program_is_said_to_be_killed() -> None:
    """Pulumi tells an exit code only."""
    killed = "an unhandled error occurred: program exited with non-zero exit code: -1"

    assert "the Pulumi program was killed" in _text(update([said("error", killed)]))
