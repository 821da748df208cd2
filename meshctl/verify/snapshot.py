"""The input and output of a check: a snapshot of the cluster, and findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mesh.istio.running_mesh import RunningMesh
from meshctl.manifests.manifest import Manifest

Status = Literal["ok", "info", "warning", "wrong"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of a check for one object or group of objects."""

    check: str
    subject: str
    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The objects of the cluster at one time."""

    mesh: RunningMesh
    deployments: Sequence[Manifest]
    """The Deployments of all namespaces."""
    webhooks: Sequence[Manifest]
    """The configurations of Istio's mutating and validating webhooks."""
    services: Sequence[Manifest]
    pods: Sequence[Manifest]
    """The pods of all namespaces, without those that have ended or are being deleted."""
    root_certificates: Mapping[str, Manifest] = field(default_factory=dict)
    """The ConfigMaps with the root certificates of each istiod's namespace, as far as they can be
    read."""
    root_namespaces: frozenset[str] = frozenset()
    """The namespaces whose policies are for a whole mesh."""
    namespaces: Sequence[Manifest] = ()
    network_policies: Sequence[Manifest] = ()
    resource_quotas: Sequence[Manifest] = ()
    virtual_services: Sequence[Manifest] = ()
    destination_rules: Sequence[Manifest] = ()
    gateways: Sequence[Manifest] = ()
    """Gateways of Istio's API, not of the Gateway API."""
    service_entries: Sequence[Manifest] = ()
    authorization_policies: Sequence[Manifest] = ()
    peer_authentications: Sequence[Manifest] = ()
    secrets: frozenset[str] = frozenset()
    """The existing ones of the Secrets that Gateways name, as NAMESPACE/NAME."""
    unread_secrets: frozenset[str] = frozenset()
    """Those of them that the user may not read."""
    istio_apis: frozenset[str] = frozenset()
    """The kinds of Istio's APIs that the cluster serves, as PLURAL.GROUP/VERSION."""
    unread: frozenset[str] = frozenset()
    """The fields here that the user may not read."""


def rollout(check: str, subject: str, deployment: Manifest, started_by: str) -> Finding:
    """Compare a Deployment's ready pods with its replicas."""
    wanted = deployment["spec"].get("replicas", 1)
    ready = deployment.get("status", {}).get("readyReplicas", 0)
    name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    labels = deployment["spec"]["selector"].get("matchLabels")
    remedy = (
        f"kubectl describe pods -n {namespace} -l {selector(labels)}"
        if labels
        else f"kubectl describe deployment {name} -n {namespace}"
    )
    if wanted == 0:
        remedy = f"start Deployments that are scaled to 0: {started_by}"
    is_ready = 0 < wanted <= ready
    return Finding(
        check=check,
        subject=subject,
        status="ok" if is_ready else "wrong",
        found=f"{ready} of {wanted} pods ready",
        remedy="" if is_ready else remedy,
    )


def selector(labels: Mapping[str, str]) -> str:
    """Return labels as a selector for kubectl's option -l."""
    return ",".join(map("=".join, labels.items()))
