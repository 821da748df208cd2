"""What `istioctl analyze` adds to verify's table: its own words, or why they are left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from mesh.kubernetes.client import plain
from meshctl.verify import analysis
from meshctl.verify.snapshot import Finding, Snapshot
from tests.fakes.api_server import Answer, Request, cluster_at, serving
from tests.fakes.mesh import running_mesh

MESSAGE = {
    "code": "IST0101",
    "documentationUrl": "https://istio.io/ist0101",
    "level": "Error",
    "message": "Referenced host not found",
    "origin": "VirtualService shop/cart",
}


def answered(tmp_path: Path, *, allowed: bool) -> tuple[analysis.Analysis, list[Request]]:
    """Run it against an API server that allows all or nothing."""
    requests = []

    def answer(request: Request) -> Answer:
        requests.append(request)
        return 201, {"status": {"allowed": allowed}}

    with serving(answer) as url:
        cluster = cluster_at(url, tmp_path)
        with plain(cluster) as client, analysis.running(cluster, client) as process:
            return analysis.result(process), requests


def istioctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put an istioctl on PATH that notes its arguments; return the note's file."""
    program, note = tmp_path / "istioctl", tmp_path / "arguments"
    program.write_text(f'#!/bin/sh\necho "$KUBECONFIG" "$@" > {note}\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return note


def test_its_findings_are_taken_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the named context and no other, each once."""
    note = istioctl(tmp_path, monkeypatch, f"echo '{json.dumps([MESSAGE, MESSAGE])}'")

    found, _ = answered(tmp_path, allowed=True)

    assert found.findings == [
        Finding(
            check="IST0101",
            subject="VirtualService shop/cart",
            status="wrong",
            found="Referenced host not found",
            remedy="https://istio.io/ist0101",
        )
    ]
    assert note.read_text().split() == [
        str(tmp_path / "kubeconfig"),
        *("analyze", "--all-namespaces", "-o", "json"),
        *("--context", "test", "--remote-contexts", "test"),
    ]


def test_a_failure_of_it_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the table stands."""
    istioctl(tmp_path, monkeypatch, "echo Error: it hurts >&2; exit 1")

    found, _ = answered(tmp_path, allowed=True)

    assert (found.findings, found.left_out) == ([], "istioctl failed: Error: it hurts")


def test_it_isnt_run_without_the_rights_that_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would wait for ever; the API server is asked, and stores nothing for that."""
    note = istioctl(tmp_path, monkeypatch, "true")

    found, requests = answered(tmp_path, allowed=False)

    assert "may not list secrets, nodes, customresourcedefinitions" in found.left_out
    assert not note.exists()
    assert {request.path for request in requests} == {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    }


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a line says so."""
    istioctl(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(analysis, "PATIENCE", 0.1)

    assert answered(tmp_path, allowed=True)[0].left_out == "istioctl doesn't end within 0.1 s"


def test_without_istioctl_a_line_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is installed for it."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(analysis.toolchain, "cached", lambda *_: None)

    assert "https://github.com/istio/istio/releases" in answered(tmp_path, allowed=True)[0].left_out


INJECTED = {"containers": [{"name": "app"}, {"name": "istio-proxy"}]}


def unlabelled(
    *, pod: dict[str, Any], template: dict[str, Any], labels: dict[str, str] | None = None
) -> list[str]:
    """Return the namespaces that are told to have no label, with this pod and Deployment in one."""
    findings = [
        Finding(check="IST0102", subject=f"Namespace {name}", status="info", found="no label")
        for name in ("default", "shop")
    ]
    # Of ambient pods istioctl says so too, although policies apply to them.
    findings.append(Finding(check="IST0127", subject="x", status="warning", found="no workloads"))
    in_shop = {"name": "cart", "namespace": "shop"}
    snapshot = Snapshot(
        mesh=running_mesh(),
        deployments=[
            {
                "metadata": in_shop,
                "spec": {"template": {"metadata": {"labels": labels or {}}, "spec": template}},
            }
        ],
        webhooks=[],
        services=[],
        pods=[{"metadata": in_shop | pod.pop("metadata", {}), **pod}],
    )
    return [each.subject for each in analysis.relevant(findings, snapshot)]


def test_a_namespace_without_a_label_is_told_if_its_pods_were_injected() -> None:
    """Every cluster has others, such as `default`: that is no hint."""
    plain = {"containers": [{"name": "app"}]}
    asks = {"labels": {"sidecar.istio.io/inject": "true"}}

    assert unlabelled(pod={"spec": INJECTED}, template=plain) == ["Namespace shop"]
    assert unlabelled(pod={"spec": plain}, template=plain) == []
    assert unlabelled(pod={"spec": INJECTED, "metadata": asks}, template=plain) == []
    assert unlabelled(pod={"spec": INJECTED}, template=INJECTED) == []


def test_a_gateway_beside_injected_pods_hides_no_lacking_label() -> None:
    """Deployments that istiod makes for Gateways have a proxy, too, and a label not to inject."""
    labels = {"sidecar.istio.io/inject": "false"}

    found = unlabelled(pod={"spec": INJECTED}, template=INJECTED, labels=labels)

    assert found == ["Namespace shop"]
