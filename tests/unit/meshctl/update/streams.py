"""Events as Pulumi writes them, trimmed: each of a few lines, and what an update makes of them."""

import json
from collections.abc import Sequence
from typing import Any

from meshctl.update.events import Update

STARTED, DONE, FAILED = "resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"
STACK = "urn:pulumi:dev::mesh::pulumi:pulumi:Stack::mesh-dev"
CRD = (
    "urn:pulumi:dev::mesh::mesh:index:IstioCRDs$"
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition::gateways.networking.istio.io"
)
ISTIO = "urn:pulumi:dev::mesh::mesh:index:IstioCore$kubernetes:helm.sh/v3:Chart"
INJECTOR = (
    f"{ISTIO}$kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfiguration::injector"
)
SERVICE = f"{ISTIO}$kubernetes:core/v1:Service::istio-system/istiod"
ISTIOD = f"{ISTIO}$kubernetes:apps/v1:Deployment::istio-system/istiod"
DETAILS = (
    "urn:pulumi:dev::mesh::mesh:index:Bookinfo$kubernetes:apps/v1:Deployment::bookinfo-details-v1"
)


def step(
    kind: str, urn: str, op: str = "create", *, state: Any = None, is_planned: bool = False
) -> str:
    """Return the event of an operation's beginning, end or failure, of a preview if planned."""
    which = "old" if op.startswith("delete") else "new"
    metadata = {"urn": urn, "op": op, which: state}
    return json.dumps({kind: {"metadata": metadata, **({"planning": True} if is_planned else {})}})


def said(severity: str, message: str, urn: str = "", *, ephemeral: bool = False) -> str:
    """Return the event of a message."""
    told = {"severity": severity, "message": f"{message}\n", "urn": urn, "ephemeral": ephemeral}
    return json.dumps({"diagnosticEvent": told})


def ended(**changes: int) -> str:
    """Return the event of an update's end."""
    return json.dumps({"summaryEvent": {"isPreview": False, "resourceChanges": changes}})


def update(events: Sequence[str], *, passed: float = 0) -> Update:
    """Return an update that has told these events, one a second, and began so long ago."""
    found = Update()
    found.began -= passed
    for second, line in enumerate(events):
        found.add(line, float(second))
    return found
