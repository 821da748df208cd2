"""Why a Deployment gets no pods is said while Pulumi waits for it."""

import time
from datetime import UTC, datetime

import pulumi
import pytest

from mesh.kubernetes import watch_list
from mesh.kubernetes.cluster import Cluster
from meshctl.commands import progress
from meshctl.workspace.stack import Workspace, WorkspaceError

REFUSED = 'Internal error occurred: failed calling webhook "sidecar-injector.istio.io": refused'
NAMESPACES = ("istio-system", "bookinfo")
DEPLOYMENTS = {
    "istio-system": "istio-pilot\t\n",
    "bookinfo": f"details-v1\t\nratings-v1\t{REFUSED}\nreviews-v1\texceeded quota: pods=1\n",
}

SERVICES = {
    "istio-system": (
        'public\t2026-01-01T00:00:00Z\t{"ip":"192.0.2.1"}\n'
        "new\tNOW\t\n"
        "internal\t2026-01-01T00:00:00Z\t\n"
    )
}


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a stack's workspace whose kubectl prints the above."""

    def kubectl(_: Workspace, *arguments: str) -> str:
        kind, namespace = arguments[1], arguments[3]
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        printed = {"deployments": DEPLOYMENTS, "services": SERVICES}[kind].get(namespace, "")
        return printed.replace("NOW", now)

    monkeypatch.setattr(Workspace, "kubectl", kubectl)
    monkeypatch.setattr(Workspace, "config", {})
    return Workspace("dev", "default")


def test_the_reason_is_the_api_servers(workspace: Workspace) -> None:
    """With where to look when it is a webhook that doesn't answer."""
    ratings, reviews, _ = progress.reasons(workspace, NAMESPACES)

    assert ratings.startswith(f"Deployment bookinfo/ratings-v1 gets no pods: {REFUSED}\n")
    assert "kubectl get pods --namespace istio-system" in ratings
    assert reviews == "Deployment bookinfo/reviews-v1 gets no pods: exceeded quota: pods=1"


def test_a_gateway_that_gets_no_address_is_told(workspace: Workspace) -> None:
    """Of those that have waited for more than a minute, with what a cluster without any can do."""
    *_, gateway = progress.reasons(workspace, NAMESPACES)

    assert gateway.startswith("gateway istio-system/internal has no address")
    assert gateway.endswith("pulumi config set --path 'gateways[0].serviceType' NodePort")


def test_each_reason_is_said_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However long the update waits."""
    monkeypatch.setattr(progress, "PAUSE", 0.01)
    looks = []
    monkeypatch.setattr(
        progress, "reasons", lambda *_: looks.append(None) or ["bookinfo/ratings-v1 gets no pods"]
    )
    with progress.told(workspace):
        while len(looks) < 3:
            time.sleep(0.01)

    assert capsys.readouterr().err.count("ratings-v1 gets no pods") == 1


@pytest.mark.parametrize(
    "error", [WorkspaceError("kubectl: connection refused"), pulumi.RunError("no context 'gone'")]
)
def test_a_cluster_that_cant_be_asked_is_left_to_the_update(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Its own error is the one that a person needs."""

    def kubectl(*_: object) -> str:
        raise error

    monkeypatch.setattr(Workspace, "kubectl", kubectl)

    assert progress.reasons(workspace, NAMESPACES) == []


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
    monkeypatch.setattr(Workspace, "kubectl", lambda *_: "")
    monkeypatch.setattr(Workspace, "environment", environment)
    monkeypatch.setattr(progress, "kubernetes_version", lambda _: kubernetes)

    reasons = progress.reasons(Workspace("dev", "default"), NAMESPACES)

    assert any("export KUBE_FEATURE_WatchListClient=false" in each for each in reasons) is said
