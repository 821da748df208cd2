"""`verify --context` on meshes that no stack installed: istioctl's, and helm's."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mesh.project import PROJECT
from meshctl.verify import run
from sandbox import toolchain
from sandbox.cluster import Sandbox
from sandbox.programs import HELM, ISTIO
from tests.fakes.engine import find_release

SYSTEM = "istio-system"
Run = Callable[..., None]


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Return an empty sandbox of its own."""
    found = Sandbox(f"e2e-other-{id(request)}")
    try:
        found.up()
        yield found
    finally:
        found.down()


@pytest.fixture
def command(sandbox: Sandbox) -> Run:
    """Run istioctl, helm or kubectl in the sandbox."""
    programs = {"kubectl": "kubectl", **toolchain.ensure((ISTIO, HELM))}
    environment = {**os.environ, "KUBECONFIG": str(sandbox.kubeconfig)}

    def run(program: str, *words: str) -> None:
        answer = subprocess.run(
            [programs[program], *words],
            env=environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr

    return run


def test_nothing_is_wrong_with_a_mesh_of_istioctl_or_helm(sandbox: Sandbox, command: Run) -> None:
    """Bookinfo with its gateway: no warning either, and no hint of istioctl."""
    release = find_release("1.30.8")
    _istioctl(command, release)
    samples = release / "samples" / "bookinfo"
    command("kubectl", "create", "namespace", "bookinfo")
    command("kubectl", "label", "namespace", "bookinfo", "istio-injection=enabled")
    for file in ("platform/kube/bookinfo.yaml", "networking/bookinfo-gateway.yaml"):
        command("kubectl", "apply", "-n", "bookinfo", "-f", str(samples / file))
    _has_nothing_wrong(sandbox, command)

    command("istioctl", "uninstall", "--purge", "--skip-confirmation")
    _helm(command, release)
    command("kubectl", "rollout", "restart", "deployment", "-n", "bookinfo")
    _has_nothing_wrong(sandbox, command)


def _istioctl(command: Run, release: Path) -> None:
    tag = ("--set", "hub=docker.io/istio", "--set", f"tag={release.name}")
    charts = ("--manifests", str(release / "manifests"))
    command("istioctl", "install", "--skip-confirmation", *charts, *tag)


def _helm(command: Run, release: Path) -> None:
    values = (
        *("--set", "global.hub=docker.io/istio", "--set", f"global.tag={release.name}"),
        *("--namespace", SYSTEM, "--create-namespace", "--wait"),
    )
    charts = release / "manifests" / "charts"
    for name, chart in (
        ("istio-base", "base"),
        ("istiod", "istio-control/istio-discovery"),
        ("istio-ingressgateway", "gateway"),
    ):
        command("helm", "upgrade", "--install", name, str(charts / chart), *values)


def _has_nothing_wrong(sandbox: Sandbox, command: Run) -> None:
    command("kubectl", "rollout", "status", "deployment", "-n", "bookinfo", "--timeout", "60s")
    report = run.look(run.of_context(sandbox.context, sandbox.kubeconfig))

    assert [each for each in report.findings if each.status != "ok"] == []
    assert not report.left_out
    sidecars = {each.subject: each.found for each in report.findings if each.check == "sidecar"}
    assert sidecars["bookinfo"] == "6 pods with istio-proxy"
