"""The check of a mesh by its context: the cluster that is asked, and what may not be read."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from typer.testing import CliRunner

from meshctl.commands.app import app
from meshctl.verify import analysis, run
from meshctl.verify.report import Report
from tests.fakes.api_server import Answer, Request, cluster_at, serving

GROUPS = ("apps", "networking.k8s.io", "admissionregistration.k8s.io", "networking.istio.io")


def looked(
    tmp_path: Path,
    *forbidden: str,
    missing: str = "/nothing",
    lists: Mapping[str, list[dict[str, Any]]] = MappingProxyType({}),
) -> Report:
    """Check a cluster without Istio, in which the user may not read some objects."""

    def answer(request: Request) -> Answer:
        path = request.path.partition("?")[0]
        if path.endswith(forbidden):
            return 403, {"message": "forbidden", "code": 403}
        if path.endswith(missing):
            return 404, {"message": "not found", "code": 404}
        if path == "/version":
            return 200, {"gitVersion": "v1.36.3"}
        if path.removeprefix("/apis/") in GROUPS:
            version = {"version": "v1"}
            return 200, {"versions": [version], "preferredVersion": version}
        return 200, {"items": lists.get(path, []), "metadata": {}, "resources": []}

    with serving(answer) as url:
        cluster = cluster_at(url, tmp_path)
        return run.look(run.of_context(cluster.context, cluster.kubeconfig))


@pytest.fixture(autouse=True)
def without_istioctl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out istioctl, which a machine may have."""
    monkeypatch.setattr(analysis, "find", lambda: None)


def test_a_cluster_without_istio_is_wrong(tmp_path: Path) -> None:
    """And the report names the context and the address that were asked."""
    report = looked(tmp_path)

    assert report.exit_code == 1
    assert "no namespace has a Deployment with the label app=istiod" in report.findings[0].found
    assert "context 'test'" in report.cluster
    assert "http://127.0.0.1:" in report.cluster


def test_what_may_not_be_read_is_not_judged(tmp_path: Path) -> None:
    """No istiod is missed where no Deployment may be listed; the right is named instead."""
    report = looked(tmp_path, "/deployments", "/serviceentries")

    assert report.exit_code == 3
    missing = {each.subject: each.found for each in report.findings if each.status != "ok"}
    assert missing.keys() == {
        "list deployments.apps in all namespaces",
        "list serviceentries.networking.istio.io in all namespaces",
    }
    told = missing["list deployments.apps in all namespaces"]
    assert told.startswith("missing right; not checked without it: control plane, CRDs, webhook")
    assert all("docs/verify.md" in each.remedy for each in report.findings if each.remedy)


ONLY_A_GATEWAY = {
    "/api/v1/pods": [
        {
            "metadata": {"name": "edge-1", "namespace": "edge", "labels": {"istio": "edge"}},
            "spec": {"containers": []},
        }
    ],
    "/apis/networking.istio.io/v1/gateways": [
        {
            "metadata": {"name": "door", "namespace": "edge"},
            "spec": {
                "selector": {"istio": "edge"},
                "servers": [{"tls": {"credentialName": name}} for name in ("hidden", "gone")],
            },
        }
    ],
}


def test_a_secret_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    """The Gateway's other Secret is looked for; what wasn't checked is one thing."""
    report = looked(tmp_path, "/secrets/hidden", missing="/secrets/gone", lists=ONLY_A_GATEWAY)

    found = {
        check: [each for each in report.findings if each.check == check]
        for check in ("rights", "gateway")
    }
    (right,), (gone,) = found.values()
    assert right.subject == "get secrets hidden in namespace edge"
    assert right.found == "missing right; not checked without it: gateway's TLS"
    assert "no TLS Secret gone in namespace edge" in gone.found


def test_an_object_without_a_spec_is_left_out(tmp_path: Path) -> None:
    """Only istiod's webhook refuses it, and a cluster is checked when that is down."""
    plurals = ("virtualservices", "destinationrules", "gateways")
    empty = {"metadata": {"name": "empty", "namespace": "shop"}}

    report = looked(
        tmp_path, lists={f"/apis/networking.istio.io/v1/{each}": [empty] for each in plurals}
    )

    assert not [each for each in report.findings if "shop/empty" in each.subject]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--kubeconfig", "x"], 2, "needs --context"),
        (["--json", "--watch"], 2, "--json is for one run"),
        (["--watch", "--interval", "0"], 2, "--interval"),
        (["--context", "nope", "--kubeconfig", "KUBECONFIG"], 3, "no context 'nope'"),
    ],
)
def test_a_mistake_in_the_command_is_told(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    """With an exit code of its own, and without asking any cluster."""
    file = cluster_at("http://127.0.0.1:1", tmp_path).kubeconfig
    result = CliRunner().invoke(
        app, ["verify", *(str(file) if each == "KUBECONFIG" else each for each in arguments)]
    )

    assert result.exit_code == code
    assert said in result.output


def test_the_current_context_is_never_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kubeconfig has one; only a context that is named is asked."""
    file = tmp_path / "kubeconfig"
    file.write_text("current-context: prod\ncontexts: [{name: prod, context: {cluster: c}}]\n")
    monkeypatch.setenv("KUBECONFIG", str(file))

    result = CliRunner().invoke(
        app, ["verify", "--context", ""], env={"STACK": "none", "SANDBOX": "nowhere"}
    )

    assert "prod" not in result.output
    assert result.exit_code != 0
