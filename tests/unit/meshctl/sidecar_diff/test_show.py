"""What a sidecar adds to a Deployment: by istioctl without a cluster, or as a pod runs."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from mesh.injection.kube_inject import Config
from meshctl.sidecar_diff import additions, rendered_pod, show
from meshctl.sidecar_diff.live_pod import _comparable
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import Workspace
from sandbox import toolchain
from tests.unit.mesh.injection.test_kube_inject import write_istioctl

PLAIN = {
    "metadata": {"labels": {"app": "details"}, "annotations": {"prometheus.io/port": "9080"}},
    "spec": {
        "containers": [{"name": "details", "image": "details:1", "ports": [{"name": "http"}]}],
        "volumes": [{"name": "tmp"}],
    },
}
INJECTED = {
    "metadata": {
        "labels": {"app": "details", "security.istio.io/tlsMode": "istio"},
        "annotations": {"prometheus.io/port": "15020", "istio.io/rev": "default"},
    },
    "spec": {
        "securityContext": {"fsGroup": 1337},
        "imagePullSecrets": [{"name": "istio-registry"}],
        "initContainers": [
            {
                "name": "istio-init",
                "image": "proxyv2:1",
                "securityContext": {
                    "runAsUser": 0,
                    "privileged": True,
                    "capabilities": {"add": ["NET_ADMIN"]},
                },
            },
            {
                "name": "istio-proxy",
                "image": "proxyv2:1",
                "restartPolicy": "Always",
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
                "securityContext": {"runAsUser": 1337, "readOnlyRootFilesystem": True},
                "env": [{"name": "CA_ADDR"}, {"name": "POD_NAME"}],
            },
        ],
        "containers": [{"name": "details", "image": "details:1", "ports": [{"name": "http"}]}],
        "volumes": [{"name": "istio-envoy"}, {"name": "tmp"}],
    },
}


def test_the_summary_counts_and_names_each_kind() -> None:
    """Containers with image and requests; rights; and what is no longer as it was."""
    found = {each.what: each.names for each in additions.summarize(PLAIN, INJECTED)}

    assert found == {
        "init containers": (
            "istio-init (proxyv2:1; requests nothing)",
            "istio-proxy (proxyv2:1; requests cpu 100m, memory 128Mi, native sidecar)",
        ),
        "volumes": ("istio-envoy",),
        "image pull secrets": ("istio-registry",),
        "annotations": ("istio.io/rev",),
        "labels": ("security.istio.io/tlsMode",),
        "env of istio-proxy": ("CA_ADDR", "POD_NAME"),
        "security context": (
            "the pod: fsGroup 1337",
            "istio-init: user 0, capability NET_ADMIN, privileged",
            "istio-proxy: user 1337, read-only root",
        ),
        "changed": ("metadata.annotations.prometheus.io/port: 9080 -> 15020",),
    }


def test_a_change_inside_a_container_is_placed_by_its_name() -> None:
    """Injection puts containers before others: a place in the list would say nothing."""
    plain = {"spec": {"containers": [{"name": "details", "probe": {"path": "/health"}}]}}
    injected = {
        "spec": {
            "containers": [
                {"name": "istio-proxy", "image": "proxyv2:1"},
                {"name": "details", "probe": {"path": "/app-health"}},
            ]
        }
    }
    for pod in (plain, injected):
        pod["metadata"] = {}

    found = {each.what: each.names for each in additions.summarize(plain, injected)}

    assert found["changed"] == ("spec.containers[details].probe.path: /health -> /app-health",)


@pytest.fixture
def workspace(release_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Return a stack whose istioctl answers like one, and whose chart need not be rendered."""
    istioctl = write_istioctl(tmp_path / "istioctl", "1.30.3")
    config = {"mesh:releaseDir": str(release_dir), "mesh:bookinfoDetailsV2": True}
    monkeypatch.setattr(Workspace, "config", config)
    monkeypatch.setattr(toolchain, "ensure", lambda _: {"istioctl": istioctl})
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(
        rendered_pod, "_config", lambda *_: Config(mesh="", templates="", values="{}")
    )
    return Workspace("dev", "nowhere")


@pytest.mark.parametrize(
    ("name", "deployment"),
    [("", "productpage-v1"), ("reviews", "reviews-v1"), ("details-v2", "details-v2")],
)
def test_the_difference_is_plain_text_where_there_is_no_terminal(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], name: str, deployment: str
) -> None:
    """Added lines, the summary, and nothing of a terminal's colours; no sandbox is up."""
    show.show(workspace, name)

    said = capsys.readouterr().out
    assert f"Deployment {deployment}, as istioctl injects it" in said
    assert "\n+      - name: istio-proxy\n" in said
    assert "\x1b" not in said
    removed = [line for line in said.splitlines() if line.startswith("-")]
    assert removed == ["--- plain"]


def test_a_stack_without_sidecars_shows_what_one_would_add(workspace: Workspace) -> None:
    """Its pods' own label would keep istioctl away."""
    workspace.config["mesh:injection"] = "off"
    stack = read_settings(workspace)

    plain, _ = rendered_pod.render(workspace, stack, "details", "v1")

    labels = plain["spec"]["template"]["metadata"]["labels"]
    assert labels == {"app": "details", "version": "v1"}


def test_an_unknown_deployment_is_refused(workspace: Workspace) -> None:
    """With those that there are, the stack's own variants among them."""
    with pytest.raises(
        pulumi.RunError, match=r"Bookinfo has no Deployment carts: choose one of .* details-v2"
    ):
        show.show(workspace, "carts")


def test_a_release_without_its_istioctl_is_one_message(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sandbox builds that of one branch; for another release it names the need, and --live."""
    monkeypatch.setattr(rendered_pod, "ISTIO_MINOR", "1.31")
    monkeypatch.setenv("PATH", "")

    with pytest.raises(pulumi.RunError, match=r"sidecar-diff needs istioctl 1\.30.*--live"):
        show.show(workspace)


def test_a_live_pod_is_compared_less_what_kubernetes_adds() -> None:
    """Where it runs, its account's token and its hash aren't the sidecar's doing."""
    template: dict[str, Any] = {
        "metadata": {"labels": {"app": "details"}},
        "spec": {"containers": [{"name": "details"}], "serviceAccountName": "details"},
    }
    token = {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "t"}
    pod = {
        "metadata": {
            "name": "details-1",
            "uid": "1",
            "labels": {"app": "details", "pod-template-hash": "1"},
        },
        "spec": {
            "containers": [{"name": "details", "volumeMounts": [token]}],
            "serviceAccountName": "details",
            "nodeName": "node-0",
            "tolerations": [{"key": "node.kubernetes.io/not-ready"}],
            "volumes": [{"name": "kube-api-access-x1"}],
        },
        "status": {"phase": "Running"},
    }

    assert _comparable("details-1", pod) == _comparable("details-1", template)
