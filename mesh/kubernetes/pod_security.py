"""Kubernetes' Pod Security Standards: the label that enforces one, and fields of the strictest."""

from typing import Any, Literal

Level = Literal["privileged", "baseline", "restricted"]

SECCOMP_PROFILE = {"type": "RuntimeDefault"}

RESTRICTED_CONTAINER: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": SECCOMP_PROFILE,
}


def labels(level: Level | None) -> dict[str, str]:
    """Return the namespace label that enforces the level on pods; empty for None."""
    return {"pod-security.kubernetes.io/enforce": level} if level else {}
