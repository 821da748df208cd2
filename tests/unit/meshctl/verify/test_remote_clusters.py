"""Other clusters as `verify` finds them: by the Secrets that istiod has."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mesh.istio import remote_api_server
from mesh.istio.remote_api_server import RemoteAPIServer
from mesh.validation import config
from meshctl.verify import remote_clusters
from meshctl.verify.remote_clusters import Kubeconfig
from meshctl.verify.snapshot import Finding, Snapshot
from tests.fakes.clusters import kubeconfig
from tests.fakes.mesh import running_mesh
from traffic.certificates import make

Configure = Callable[..., None]
ROOT = make("root.test").certificate
ADDRESS = "https://west.example.com"
WEST = Kubeconfig(cluster="west", secret="istio-remote-secret-west", text=kubeconfig())  # noqa: S106
STACK = {"meshId": "shop", "clusterName": "east", "remoteClusters": '{"west": "org/mesh/west"}'}


@pytest.fixture
def check(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Finding]]:
    """Check a stack whose istiod has some kubeconfigs, and whose remotes answer the same."""

    def run(
        *kubeconfigs: Kubeconfig, pods: list[dict[str, Any]] | None = None, **answer: Any
    ) -> list[Finding]:
        configure(**STACK)
        facts: dict[str, Any] = {"has_istio": True, **answer}
        found = RemoteAPIServer(address=ADDRESS, **facts)
        monkeypatch.setattr(remote_api_server, "ask_all", lambda asked, _: [found for _ in asked])
        roots = {"istio-system": {"data": {"root-cert.pem": ROOT}}}
        snapshot = SimpleNamespace(root_certificates=roots, pods=pods or [], mesh=running_mesh())
        return list(
            remote_clusters.check(kubeconfigs, cast("Snapshot", snapshot), config.read_settings())
        )

    return run


@pytest.mark.parametrize(
    ("answer", "status", "found", "remedy"),
    [
        ({"network": "a"}, "ok", "accepts istiod's kubeconfig, in network a", ""),
        ({"fault": "refuses"}, "wrong", "refuses", "pulumi up --refresh --stack org/mesh/west"),
        ({"silence": "timed out"}, "warning", "timed out", "istioctl remote-clusters -i istio-sys"),
        ({"has_istio": False}, "wrong", "has no namespace istio-system", "deploy its Istio"),
        ({"roots": ("f" * 64,)}, "wrong", "its proxies trust ffffffffffff, those here", "one root"),
    ],
)
def test_each_cluster_is_one_finding(
    check: Callable[..., list[Finding]],
    answer: dict[str, Any],
    status: str,
    found: str,
    remedy: str,
) -> None:
    """With what helps."""
    (finding,) = check(WEST, **answer)

    assert (finding.subject, finding.status) == ("west", status)
    assert found in finding.found
    assert remedy in finding.remedy


def test_a_cluster_without_a_secret_is_wrong(check: Callable[..., list[Finding]]) -> None:
    """Somebody deleted it: istiod has forgotten the cluster."""
    (finding,) = check()

    assert (finding.subject, finding.status) == ("west", "wrong")
    assert "--refresh" in finding.remedy


@pytest.mark.parametrize("cluster", ["east", "west"])
def test_two_clusters_of_one_name_are_wrong(
    check: Callable[..., list[Finding]], cluster: str
) -> None:
    """Of this cluster's name, or of another Secret's: istiod ignores the second one."""
    other = Kubeconfig(cluster=cluster, secret="by-hand", text=kubeconfig())  # noqa: S106

    ok, wrong = check(WEST, other)

    assert (ok.subject, ok.status) == ("west", "ok")
    assert (wrong.subject, wrong.status) == (cluster, "wrong")
    assert "Secret by-hand has the name of" in wrong.found


@pytest.mark.parametrize("name", ["Kubernetes", "east"])
def test_pods_of_the_clusters_earlier_name_restart(
    check: Callable[..., list[Finding]], name: str
) -> None:
    """Their proxy says that name, and istiod doesn't know it."""
    env = [{"name": "ISTIO_META_CLUSTER_ID", "value": name}]
    pod = {
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"containers": [{"name": "istio-proxy", "env": env}]},
    }

    findings = check(WEST, pods=[pod])

    assert [each.subject for each in findings[1:]] == (["shop/a"] if name != "east" else [])


def test_secrets_are_read_whole(monkeypatch: pytest.MonkeyPatch, configure: Configure) -> None:
    """Each key of each Secret with the label is a cluster."""
    configure(**STACK)
    asked: list[dict[str, Any]] = []
    data = {"west": "YQ==", "north": "Yg=="}
    secret = SimpleNamespace(metadata=SimpleNamespace(name="s"), data=data)

    def listed(_: Any, **selector: Any) -> list[Any]:
        asked.append(selector)
        return [secret]

    client = cast("Any", SimpleNamespace(list=listed))

    found = remote_clusters.read(client, config.read_settings())

    assert [(each.cluster, each.secret, each.text) for each in found or ()] == [
        ("west", "s", "a"),
        ("north", "s", "b"),
    ]
    assert asked == [{"namespace": "istio-system", "labels": {"istio/multiCluster": "true"}}]
