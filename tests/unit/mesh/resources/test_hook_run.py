"""Helm's hooks for a deletion: run when their resource is deleted, and only then."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh.kubernetes.cluster import Cluster
from mesh.resources import hook_run
from mesh.resources.deletion_hooks import DeletionHooksProvider
from tests.fakes.api_server import Answer, Request, cluster_at, serving


def hook(kind: str, weight: int, version: str = "v1") -> dict[str, Any]:
    """Return a hook's manifest; a ClusterRole has no namespace."""
    metadata: dict[str, Any] = {
        "name": "cleanup",
        "annotations": {"helm.sh/hook": "post-delete", "helm.sh/hook-weight": str(weight)},
    }
    if not kind.startswith("Cluster"):
        metadata["namespace"] = "istio-system"
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


HOOKS = [
    hook("Job", 3, "batch/v1"),
    hook("ClusterRole", 1, "rbac.authorization.k8s.io/v1beta1"),
    hook("ServiceAccount", 1),
]
JOB = "/apis/batch/v1/namespaces/istio-system/jobs"
ROLE = "/apis/rbac.authorization.k8s.io/v1beta1/clusterroles"
ACCOUNT = "/api/v1/namespaces/istio-system/serviceaccounts"


class FakeAPIServer:
    """Takes objects, and says of each job how it ended."""

    def __init__(self) -> None:
        """Start without calls."""
        self.url = ""
        self.calls: list[str] = []
        self.condition = "Complete"
        self.create_status = 201

    def answer(self, request: Request) -> Answer:
        """Answer each method."""
        self.calls.append(f"{request.method} {request.path.partition('?')[0]}")
        if request.method == "POST":
            if self.create_status == 409:
                return 409, {"kind": "Status", "message": "there already", "code": 409}
            return self.create_status, request.body
        if request.method == "GET":
            conditions = [{"type": self.condition, "status": "True", "message": "BackOff"}]
            return 200, {**HOOKS[0], "status": {"conditions": conditions}}
        return 200, request.body


@pytest.fixture
def api() -> Iterator[FakeAPIServer]:
    """Run a server."""
    server = FakeAPIServer()
    with serving(server.answer) as server.url:
        yield server


@pytest.fixture
def cluster(api: FakeAPIServer, tmp_path: Path) -> Cluster:
    """Write a kubeconfig for it."""
    return cluster_at(api.url, tmp_path)


def props(cluster: Cluster) -> dict[str, Any]:
    """Return what the resource keeps in the stack's state."""
    return {
        "kubeconfig": str(cluster.kubeconfig or ""),
        "context": cluster.context,
        "manifests": HOOKS,
    }


def test_deleting_the_resource_runs_them_by_their_weights(
    api: FakeAPIServer, cluster: Cluster
) -> None:
    """The job after what it needs; and all is deleted when it has succeeded, as the hooks say."""
    DeletionHooksProvider().delete("deletion-hooks", props(cluster))

    assert api.calls == [
        f"POST {ROLE}",
        f"POST {ACCOUNT}",
        f"POST {JOB}",
        f"GET {JOB}/cleanup",
        f"DELETE {JOB}/cleanup",
        f"DELETE {ACCOUNT}/cleanup",
        f"DELETE {ROLE}/cleanup",
    ]


def test_nothing_else_runs_them(api: FakeAPIServer, cluster: Cluster) -> None:
    """Neither an installation nor an update; and a change never replaces the resource."""
    provider = DeletionHooksProvider()
    kept = provider.create(props(cluster)).outs
    changed = {**props(cluster), "manifests": HOOKS[:1]}
    difference = provider.diff("deletion-hooks", props(cluster), changed)

    assert kept == props(cluster)
    assert difference.changes
    assert not difference.replaces
    assert provider.update("deletion-hooks", props(cluster), changed).outs == changed
    assert not provider.diff("deletion-hooks", props(cluster), props(cluster)).changes
    assert api.calls == []


def test_without_a_cluster_there_is_nothing_to_clean_up(api: FakeAPIServer) -> None:
    """A stack that was rendered to a folder has none."""
    nowhere = Cluster(kubeconfig=Path("/dev/null"), context="")

    DeletionHooksProvider().delete("deletion-hooks", props(nowhere))

    assert api.calls == []


def test_a_run_that_was_cut_off_goes_on(api: FakeAPIServer, cluster: Cluster) -> None:
    """What is there already is taken as it is."""
    api.create_status = 409

    hook_run.run(cluster, HOOKS)

    assert f"GET {JOB}/cleanup" in api.calls
    assert api.calls[-1] == f"DELETE {ROLE}/cleanup"


def test_a_job_that_fails_is_left_to_be_looked_at(api: FakeAPIServer, cluster: Cluster) -> None:
    """The destroy fails with it, and says why."""
    api.condition = "Failed"

    with pytest.raises(RuntimeError, match="Job cleanup in namespace istio-system failed: BackOff"):
        hook_run.run(cluster, HOOKS)
    assert not [call for call in api.calls if call.startswith("DELETE")]


def test_a_job_that_never_ends_is_given_up_on(api: FakeAPIServer, cluster: Cluster) -> None:
    """With what helps: it may wait for an image that can't be pulled."""
    api.condition = "Suspended"

    with pytest.raises(RuntimeError, match="isn't done after 0 s: kubectl describe tells why"):
        hook_run.run(cluster, HOOKS, patience=0.05)
