"""Kubernetes' Pod Security Standards: how one is enforced, and what the strictest asks."""

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
    """Return the label of a namespace whose pods are refused unless they keep to the level."""
    return {"pod-security.kubernetes.io/enforce": level} if level else {}
