"""The benchmark from an empty cluster to Bookinfo 2/2: Pulumi, istioctl and helm in one run.

Each run of each tool gets a fresh sandbox. Prints Markdown, for docs/performance.md.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

import console
from bench import stacks
from mesh.istio.release import find
from meshctl.workspace import download
from meshctl.workspace.stack import Workspace
from sandbox import toolchain
from sandbox.cluster import Sandbox
from sandbox.programs import HELM, ISTIO

RUNS = int(os.environ.get("RUNS", "3"))
KUBECTL = str(Path(sys.executable).parent / "kubectl")


def main() -> None:
    """Measure all tools, and print the tables."""
    programs = toolchain.ensure((ISTIO, HELM))
    sandbox = Sandbox("bench")
    workspace = Workspace("bench", sandbox.name)
    _ = workspace.environment
    download.get_all(workspace)
    release = find(workspace.setting("istioVersion"), None)
    ways = {
        "istioctl install + kubectl apply": lambda: _istioctl(workspace, programs, release.folder),
        "helm template, kubectl apply": lambda: _helm(workspace, programs, release.folder),
        "pulumi up --skip-preview": lambda: _pulumi(workspace, "up", "--yes", "--skip-preview"),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    sandbox_up, noop, destroy = [], [], []
    for run in range(RUNS):
        for way, deploy in ways.items():
            sandbox.down()
            sandbox_up.append(_timed(sandbox.up))
            workspace.make_stack()
            seconds[way].append(_timed(deploy))
            console.say(f"run {run + 1}: {way}: {seconds[way][-1]:.1f} s")
        noop += [_timed(lambda: _pulumi(workspace, "preview")) for _ in range(2)]
        destroy.append(_timed(lambda: _pulumi(workspace, "destroy", "--yes", "--skip-preview")))
    sandbox.down()

    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 2**30
    print(f"{cores} cores, {memory:.0f} GiB, Python {platform.python_version()}; {RUNS} runs of")
    print(f"each, medians; kubernetes plugin {workspace.plugin.version}\n")
    print("| what | seconds | ratio to istioctl |\n|---|---|---|")
    base = statistics.median(seconds["istioctl install + kubectl apply"])
    for way, taken in seconds.items():
        median = statistics.median(taken)
        print(f"| {way}, until six pods are 2/2 | {median:.1f} | {median / base:.2f} |")
    for what, taken in (
        ("pulumi preview, nothing to do", noop),
        ("pulumi destroy", destroy),
        ("sandbox up, programs in the cache", sandbox_up),
    ):
        median = statistics.median(taken)
        print(f"| {what} | {median:.1f} | {median / base:.2f} |")


def _timed(action: Callable[[], None]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def _istioctl(workspace: Workspace, programs: dict[str, Path], release: Path) -> None:
    _run(
        workspace,
        *(str(programs["istioctl"]), "install", "--skip-confirmation"),
        *("--manifests", str(release / "manifests")),
        *("--set", "hub=docker.io/istio", "--set", f"tag={release.name}"),
    )
    _bookinfo(workspace, release)


def _helm(workspace: Workspace, programs: dict[str, Path], release: Path) -> None:
    charts = release / "manifests" / "charts"
    namespace = "istio-system"
    _run(workspace, KUBECTL, "create", "namespace", namespace)
    for name, chart in (
        ("istio-base", charts / "base"),
        ("istiod", charts / "istio-control" / "istio-discovery"),
        ("istio-ingressgateway", charts / "gateway"),
    ):
        rendered = _run(
            workspace,
            *(str(programs["helm"]), "template", name, str(chart), "--namespace", namespace),
            *("--set", "global.hub=docker.io/istio", "--set", f"global.tag={release.name}"),
        )
        _run(workspace, KUBECTL, "apply", "--server-side", "-f", "-", standard_input=rendered)
        deployments = ("wait", "--for=condition=Available", "deployment", "--all", "-n", namespace)
        if name != "istio-base":
            _run(workspace, KUBECTL, *deployments, "--timeout", "60s")
    _bookinfo(workspace, release)


def _bookinfo(workspace: Workspace, release: Path) -> None:
    _run(workspace, KUBECTL, "create", "namespace", "bookinfo")
    _run(workspace, KUBECTL, "label", "namespace", "bookinfo", "istio-injection=enabled")
    manifest = release / "samples" / "bookinfo" / "platform" / "kube" / "bookinfo.yaml"
    _run(workspace, KUBECTL, "apply", "-n", "bookinfo", "-f", str(manifest))
    _run(
        workspace,
        *(KUBECTL, "wait", "--for=condition=Available", "deployment", "--all"),
        *("-n", "bookinfo", "--timeout", "60s"),
    )
    _must_be_injected(workspace)


def _pulumi(workspace: Workspace, *arguments: str) -> None:
    _run(workspace, *workspace.command(*arguments))
    if arguments[0] == "up":
        _must_be_injected(workspace)


def _must_be_injected(workspace: Workspace) -> None:
    rows = _run(workspace, KUBECTL, "get", "pods", "-n", "bookinfo", "--no-headers").splitlines()
    injected = [row for row in rows if "2/2" in row]
    if len(injected) != 6:
        sys.exit(f"not comparable: {len(injected)} of 6 pods are 2/2:\n" + "\n".join(rows))


def _run(workspace: Workspace, *command: str, standard_input: str | None = None) -> str:
    return workspace.query(*command, standard_input=standard_input)


if __name__ == "__main__":
    try:
        measure = stacks.main if sys.argv[1:] == ["stacks"] else main
        measure()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd}: {error.stderr}")
