"""Ways from an empty cluster to Bookinfo in a mesh: this program, its peers, a plain program."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.cost import BenchError, Cost, measured
from mesh.project import PROJECT
from meshctl.workspace.stack import FOLDER_BACKEND, Workspace

SYSTEM, BOOKINFO = "istio-system", "bookinfo"
UNASKED = ("--yes", "--skip-preview", "--non-interactive")
PLAIN = PROJECT / "bench" / "plain"
PLAIN_STACK = "bench-plain"


@dataclass(kw_only=True)
class Run:
    """One round of one way: its cluster, and the costs so far."""

    workspace: Workspace
    programs: Mapping[str, Path]
    release: Path
    environment: Mapping[str, str]
    cost: Cost = field(default_factory=Cost)

    def do(self, *command: str, standard_input: str = "") -> str:
        """Run a command that counts, and return its output."""
        cost, said = measured(command, self.environment, standard_input)
        self.cost += cost
        return said

    def kubectl(self, *arguments: str, standard_input: str = "") -> str:
        """Run kubectl."""
        return self.do("kubectl", *arguments, standard_input=standard_input)

    @property
    def charts(self) -> Mapping[str, Path]:
        """Istio's charts by the names of their releases, in install order."""
        folder = self.release / "manifests" / "charts"
        return {
            "istio-base": folder / "base",
            "istiod": folder / "istio-control" / "istio-discovery",
            "istio-ingressgateway": folder / "gateway",
        }


Step = Callable[[Run], None]
"""A part of a way that is measured by itself."""


def _bookinfo(run: Run) -> None:
    run.kubectl("create", "namespace", BOOKINFO)
    run.kubectl("label", "namespace", BOOKINFO, "istio-injection=enabled")
    manifest = run.release / "samples" / "bookinfo" / "platform" / "kube" / "bookinfo.yaml"
    run.kubectl("apply", "-n", BOOKINFO, "-f", str(manifest))
    _available(run, BOOKINFO)


def _available(run: Run, namespace: str) -> None:
    deployments = ("wait", "--for=condition=Available", "deployment", "--all", "-n", namespace)
    run.kubectl(*deployments, "--timeout", "60s")


def _remove_namespaces(run: Run) -> None:
    run.kubectl("delete", "namespace", BOOKINFO, SYSTEM, "--ignore-not-found", "--timeout=120s")


def _istioctl(run: Run) -> None:
    run.do(
        *(str(run.programs["istioctl"]), "install", "--skip-confirmation"),
        *("--manifests", str(run.release / "manifests")),
        *("--set", "hub=docker.io/istio", "--set", f"tag={run.release.name}"),
    )
    _bookinfo(run)


def _istioctl_uninstall(run: Run) -> None:
    run.do(str(run.programs["istioctl"]), "uninstall", "--purge", "--skip-confirmation")
    _remove_namespaces(run)


def _values(run: Run) -> tuple[str, ...]:
    tag = f"global.tag={run.release.name}"
    return ("--namespace", SYSTEM, "--set", "global.hub=docker.io/istio", "--set", tag)


def _template(run: Run) -> None:
    run.kubectl("create", "namespace", SYSTEM)
    for name, chart in run.charts.items():
        command = (str(run.programs["helm"]), "template", name, str(chart), *_values(run))
        rendered = run.do(*command)
        run.kubectl("apply", "--server-side", "-f", "-", standard_input=rendered)
        if name != "istio-base":
            _available(run, SYSTEM)
    _bookinfo(run)


def _upgrade(run: Run) -> None:
    for name, chart in run.charts.items():
        command = (str(run.programs["helm"]), "upgrade", "--install", name, str(chart))
        run.do(*command, "--create-namespace", "--wait", *_values(run))


def _helm(run: Run) -> None:
    _upgrade(run)
    _bookinfo(run)


def _helm_uninstall(run: Run) -> None:
    for name in reversed(list(run.charts)):
        run.do(str(run.programs["helm"]), "uninstall", name, "--namespace", SYSTEM, "--wait")
    _remove_namespaces(run)


def _plain(run: Run, *arguments: str) -> None:
    # Without what the make commands set for speed.
    ours = {*FOLDER_BACKEND, "GOGC", "PULUMI_PARALLEL"}
    plain = {key: value for key, value in run.environment.items() if key not in ours}
    command = ("pulumi", "--cwd", str(PLAIN), *arguments, "--stack", PLAIN_STACK)
    cost, _ = measured(command, plain)
    run.cost += cost


def _plain_up(run: Run) -> None:
    # Not measured: a stack is made once. The file of an earlier bench has another sandbox's salt.
    (PLAIN / f"Pulumi.{PLAIN_STACK}.yaml").unlink(missing_ok=True)
    release, tag = f"release={run.release}", f"version={run.release.name}"
    common = ("pulumi", "--cwd", str(PLAIN))
    measured((*common, "stack", "init", PLAIN_STACK, "--non-interactive"), run.environment)
    settings = ("--plaintext", f"plain:{release}", "--plaintext", f"plain:{tag}")
    measured((*common, "config", "set-all", "--stack", PLAIN_STACK, *settings), run.environment)
    _plain(run, "up", *UNASKED)


def _ours(*arguments: str) -> Step:
    def step(run: Run) -> None:
        run.do(*run.workspace.command(*arguments))

    return step


CHANGE = ("--config-path", "--config", "mesh:trafficPlan.all.to=v1")
WAYS: Mapping[str, Mapping[str, Step]] = {
    "this program": {
        "up": _ours("up", *UNASKED),
        "preview, no change": _ours("preview", "--non-interactive"),
        "up, no change": _ours("up", *UNASKED),
        "up --refresh": _ours("up", "--refresh", *UNASKED),
        "up, one setting": _ours("up", *UNASKED, *CHANGE),
        "destroy": _ours("destroy", *UNASKED),
    },
    "istioctl, kubectl": {"up": _istioctl, "destroy": _istioctl_uninstall},
    "helm template, kubectl": {"up": _template, "destroy": _remove_namespaces},
    "helm upgrade --wait, kubectl": {
        "up": _helm,
        "up, no change": _upgrade,
        "destroy": _helm_uninstall,
    },
    "a plain Pulumi program": {
        "up": _plain_up,
        "preview, no change": lambda run: _plain(run, "preview", "--non-interactive"),
        "destroy": lambda run: _plain(run, "destroy", *UNASKED),
    },
}
"""The steps of each way, by its name; the first one is `up`, the last one `destroy`."""


def must_be_injected(run: Run) -> None:
    """Raise BenchError unless all six pods of Bookinfo have their sidecar and are ready."""
    listed = json.loads(run.workspace.kubectl("get", "pods", "-n", BOOKINFO, "-o", "json"))
    ready = [
        all(each["ready"] for each in pod["status"].get("containerStatuses", ()))
        and "istio-proxy" in str(pod["spec"])
        for pod in listed["items"]
    ]
    if ready.count(True) != 6:
        raise BenchError(f"not comparable: {ready.count(True)} of 6 pods are ready with a sidecar")
