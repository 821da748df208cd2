"""The findings of `istioctl analyze`, as it prints them, for the same cluster."""

import json
import os
import shutil
import subprocess
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from mesh.kubernetes.client import checked
from mesh.kubernetes.cluster import Cluster
from mesh.settings.labels import INJECT
from meshctl.manifests.manifest import labels_of, namespace_of
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.verify.snapshot import Finding, Snapshot, Status
from sandbox import toolchain
from sandbox.programs import ISTIO

PATIENCE = 30
"""Seconds for it: without a right that it needs it waits for ever."""
NEEDS = (("", "secrets"), ("", "nodes"), ("apiextensions.k8s.io", "customresourcedefinitions"))
"""Kinds that it lists in all namespaces, and that readers often may not: group and plural."""
UNLABELLED = "IST0102"
"""The code of a namespace without a label for injection."""
UNSELECTED = "IST0127"
"""The code of a policy that selects no pod with a sidecar."""
LEVELS: dict[str, Status] = {"Error": "wrong", "Warning": "warning", "Info": "info"}


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The findings, or the reason why there are none."""

    findings: list[Finding] = field(default_factory=list)
    left_out: str = ""


@contextmanager
def running(cluster: Cluster, client: httpx2.Client) -> Generator["subprocess.Popen[str] | str"]:
    """Run istioctl during a `with` block; yield its process, or why it can't run."""
    program = find()
    if program is None:
        yield (
            "istioctl isn't on PATH: take it from https://github.com/istio/istio/releases, in the "
            "version of your istiod"
        )
        return
    if forbidden := _forbidden(client):
        yield (
            f"this user may not list {', '.join(forbidden)} in all namespaces, which istioctl needs"
        )
        return
    command = [program, "analyze", "--all-namespaces", "-o", "json", "--context", cluster.context]
    # Unless it is given a context it connects to each cluster that istiod has a Secret for.
    command += ["--remote-contexts", cluster.context]
    files = os.pathsep.join(map(str, cluster.files))
    process = subprocess.Popen(
        command,
        env={**os.environ, "KUBECONFIG": files},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C is verify's: it ends istioctl itself.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def result(process: "subprocess.Popen[str] | str") -> Analysis:
    """Wait for istioctl, and return what it found."""
    if isinstance(process, str):
        return Analysis(left_out=process)
    try:
        said, complaint = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return Analysis(left_out=f"istioctl doesn't end within {PATIENCE} s")
    try:
        return Analysis(findings=read(said))
    except ValueError:
        lines = complaint.strip().splitlines() or [f"exit code {process.returncode}"]
        return Analysis(left_out=f"istioctl failed: {lines[-1]}")


def read(said: str) -> list[Finding]:
    """Read what it prints with `-o json`. Raises ValueError for anything else."""
    found = json.loads(said)
    findings = [
        Finding(
            check=each["code"],
            subject=each.get("origin", ""),
            status=LEVELS.get(each["level"], "warning"),
            found=each["message"],
            remedy=each.get("documentationUrl", ""),
        )
        for each in found
    ]
    return list(dict.fromkeys(findings))  # the context is asked twice


def find() -> str | None:
    """Return the istioctl on PATH, else the sandbox's; nothing is installed."""
    if program := shutil.which("istioctl"):
        return program
    cached: Path | None = toolchain.cached(ISTIO, "istioctl")
    return str(cached) if cached else None


def _forbidden(client: httpx2.Client) -> list[str]:
    """List the kinds that the user may not list, as the API server says; it stores nothing."""
    return [
        plural
        for group, plural in NEEDS
        if not _may_list(client, {"verb": "list", "group": group, "resource": plural})
    ]


def _may_list(client: httpx2.Client, attributes: dict[str, str]) -> bool:
    answer = client.post(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        json={
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        },
    )
    return bool(checked(answer).json().get("status", {}).get("allowed"))


def relevant(findings: Iterable[Finding], snapshot: Snapshot) -> list[Finding]:
    """Leave out namespaces that nobody means to have in the mesh, and policies in ambient mode.

    istioctl names each namespace without a label for injection, `default` in every cluster. It is
    a mistake only where pods were injected: after a restart they would have no sidecar. Pods that
    lack the sidecar that they ask for are found by another check, and so are policies that select
    no pod: istioctl knows none without a sidecar.
    """
    injected = {f"Namespace {each}" for each in _injected_namespaces(snapshot)}
    return [
        each
        for each in findings
        if each.check not in (UNLABELLED, UNSELECTED)
        or (each.check == UNLABELLED and each.subject in injected)
    ]


def _injected_namespaces(snapshot: Snapshot) -> set[str]:
    """Return the namespaces whose pods got sidecars that they don't ask for themselves."""
    # The templates of Deployments have sidecars by `istioctl kube-inject`: it needs no label. Those
    # of gateways have a proxy and a label.
    templates = [
        (namespace_of(each), each["spec"].get("template", {})) for each in snapshot.deployments
    ]
    by_hand = {
        namespace
        for namespace, template in templates
        if proxy_of(template.get("spec") or {}) and INJECT not in labels_of(template)
    }
    return {
        namespace_of(pod)
        for pod in snapshot.pods
        if proxy_of(pod["spec"]) and INJECT not in labels_of(pod)
    } - by_hand
