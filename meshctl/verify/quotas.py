"""Checks of ResourceQuotas: they leave room for pods with their sidecar."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from lightkube.utils.quantity import parse_quantity

from meshctl.manifests.manifest import Manifest, key
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.verify.snapshot import Finding, Snapshot

REFUSALS = ("exceeded quota", "failed quota")
"""What the API server says: there is no room, or the pod doesn't say how much it needs."""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """List Deployments that a quota keeps from creating pods, and quotas without further room."""
    for deployment in snapshot.deployments:
        for condition in deployment.get("status", {}).get("conditions") or ():
            is_failed = (condition["type"], condition["status"]) == ("ReplicaFailure", "True")
            if is_failed and any(each in condition.get("message", "") for each in REFUSALS):
                namespace = deployment["metadata"]["namespace"]
                yield Finding(
                    check="quota",
                    subject=key(deployment),
                    status="wrong",
                    found=f"its pods can't be created: {condition['message']}",
                    remedy=_raise(namespace),
                )
    for quota in snapshot.resource_quotas:
        spec = quota.get("spec") or {}
        if not spec.get("scopes") and not spec.get("scopeSelector"):  # it counts every pod
            yield from _narrow(quota, snapshot)


def _narrow(quota: Manifest, snapshot: Snapshot) -> Iterator[Finding]:
    namespace = quota["metadata"]["namespace"]
    needs = _sidecar(snapshot, namespace)
    status = quota.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    short = [
        f"{resource} {used.get(resource, '0')} of {hard[resource]} used, a sidecar needs {needed}"
        for resource, needed in needs.items()
        if resource in hard
        and _number(hard[resource]) - _number(used.get(resource, "0")) < _number(needed)
    ]
    if short:
        yield Finding(
            check="quota",
            subject=key(quota),
            status="warning",
            found=f"leaves no room for another sidecar: {'; '.join(short)}",
            remedy=_raise(namespace),
        )


def _sidecar(snapshot: Snapshot, namespace: str) -> Mapping[str, str]:
    """Return what a sidecar of a namespace needs, by the names that quotas have; none: unknown."""
    for pod in snapshot.pods:
        proxy = proxy_of(pod["spec"]) if pod["metadata"]["namespace"] == namespace else None
        resources = (proxy or {}).get("resources") or {}
        if resources:
            requests = resources.get("requests") or {}
            return {
                **requests,
                **{f"requests.{name}": value for name, value in requests.items()},
                **{
                    f"limits.{name}": value
                    for name, value in (resources.get("limits") or {}).items()
                },
            }
    return {}


def _number(quantity: str) -> Decimal:
    return parse_quantity(quantity) or Decimal(0)


def _raise(namespace: str) -> str:
    return (
        f"raise the quota: kubectl describe resourcequota -n {namespace}; or lower the sidecar's "
        "requests by annotations of the pods, such as sidecar.istio.io/proxyCPU"
    )
