"""What a stack may decide about security, and which decisions can't stand together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mesh.validation.messages import below, wrong

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mesh.settings.schema import Settings

MeshMode = Literal["permissive", "strict"]
Mode = Literal["permissive", "strict", "disable"]
OutboundTrafficPolicy = Literal["ALLOW_ANY", "REGISTRY_ONLY"]


def contradictions(stack: Settings, prefix: str) -> Iterator[str]:
    """Name the values that are fine alone and wrong together."""
    mesh_config = f"{prefix}meshConfig"
    by_namespace = f"{prefix}mtlsByNamespace"
    if stack.outbound_traffic_policy and "outboundTrafficPolicy" in stack.mesh_config:
        yield wrong(
            f"{prefix}outboundTrafficPolicy",
            f"is decided in one place, here or in {mesh_config}.outboundTrafficPolicy",
            stack.outbound_traffic_policy,
        )
    root = stack.root_namespace
    if root in stack.mtls_by_namespace:
        yield wrong(
            below(by_namespace, root),
            "what is said in the root namespace holds for the whole mesh, "
            f"which {prefix}mtls decides",
            stack.mtls_by_namespace[root],
        )
    # Callers are known by their certificates, and sidecars send those only with mutual TLS.
    automatic = stack.mesh_config.get("enableAutoMtls", True)
    strict = "strict" in (stack.mtls, *stack.mtls_by_namespace.values())
    if (stack.deny_by_default or strict) and not automatic:
        yield wrong(
            f"{mesh_config}.enableAutoMtls",
            f"must be on for {prefix}denyByDefault and for strict mutual TLS, "
            "else Bookinfo's own requests are refused",
            automatic,
        )
    own = stack.mtls_by_namespace.get(stack.bookinfo_namespace)
    if stack.deny_by_default and own == "disable":
        yield wrong(
            below(by_namespace, stack.bookinfo_namespace),
            f"must be permissive or strict with {prefix}denyByDefault, which knows callers by "
            "their certificates",
            own,
        )


def homeless(stack: Settings, there: Collection[str]) -> Iterator[str]:
    """Name the policies whose namespace neither the cluster has nor the stack makes."""
    keys = {namespace: f"mtlsByNamespace.{namespace}" for namespace in stack.mtls_by_namespace}
    if stack.mtls == "strict":
        keys[stack.root_namespace] = "meshConfig.rootNamespace"
    for namespace, key in keys.items():
        if namespace not in there and namespace not in stack.namespaces:
            yield (
                f"there is no namespace {namespace}: `kubectl create namespace {namespace}`, or "
                f"`pulumi config rm --path {key}`"
            )
