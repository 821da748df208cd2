"""What a check gets and gives: a snapshot of the cluster, and findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mesh.istio.running_mesh import RunningMesh

Manifest = Mapping[str, Any]
Status = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check found of one thing."""

    check: str
    subject: str
    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The cluster as one look found it."""

    mesh: RunningMesh
    deployments: Sequence[Manifest]
    """Those of all namespaces."""
    webhooks: Sequence[Manifest]
    """Configurations of Istio's mutating and validating webhooks."""
    services: Sequence[Manifest]
    pods: Sequence[Manifest]
    """Those that run or are about to, of all namespaces."""
    root_certificates: Manifest | None = None
    """The ConfigMap with the mesh's root certificates; None where it can't be read."""


def rollout(check: str, subject: str, deployment: Manifest, started_by: str) -> Finding:
    """Compare a Deployment's ready pods with its replicas."""
    wanted = deployment["spec"].get("replicas", 1)
    ready = deployment.get("status", {}).get("readyReplicas", 0)
    pods = selector(deployment["spec"]["selector"]["matchLabels"])
    remedy = f"kubectl describe pods -n {deployment['metadata']['namespace']} -l {pods}"
    if wanted == 0:
        remedy = f"start what was scaled to 0: {started_by}"
    is_ready = 0 < wanted <= ready
    return Finding(
        check=check,
        subject=subject,
        status="ok" if is_ready else "wrong",
        found=f"{ready} of {wanted} pods ready",
        remedy="" if is_ready else remedy,
    )


def selector(labels: Mapping[str, str]) -> str:
    """Spell labels as kubectl's option -l does."""
    return ",".join(map("=".join, labels.items()))


def key(manifest: Manifest) -> str:
    """Name an object by its namespace and its name."""
    return f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
