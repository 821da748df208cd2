"""Conflicts between mutual TLS, authorization, and the mesh config."""

from collections.abc import Iterator

from mesh.settings.schema import Settings
from mesh.validation.mistake import Mistake


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List conflicts between security settings."""
    if settings.outbound_traffic_policy and "outboundTrafficPolicy" in settings.mesh_config:
        yield Mistake(
            ("outboundTrafficPolicy",),
            "is also set in mesh:meshConfig.outboundTrafficPolicy: remove one of the two",
            settings.outbound_traffic_policy,
        )
    root = settings.root_namespace
    if root in settings.mtls_by_namespace:
        yield Mistake(
            ("mtlsByNamespace", root),
            "is the root namespace, where a policy applies to the whole mesh: use mesh:mtls",
            settings.mtls_by_namespace[root],
        )
    # Callers are known by their certificates, and sidecars send those only with mutual TLS.
    automatic = settings.mesh_config.get("enableAutoMtls", True)
    strict = "strict" in (settings.mtls, *settings.mtls_by_namespace.values())
    if (settings.deny_by_default or strict) and not automatic:
        yield Mistake(
            ("meshConfig", "enableAutoMtls"),
            "must be true with mesh:denyByDefault and with strict mutual TLS, "
            "else Bookinfo's own requests are refused",
            automatic,
        )
    own = settings.mtls_by_namespace.get(settings.bookinfo_namespace)
    if settings.deny_by_default and own == "disable":
        yield Mistake(
            ("mtlsByNamespace", settings.bookinfo_namespace),
            "must be permissive or strict with mesh:denyByDefault, which knows callers by "
            "their certificates",
            own,
        )
