"""Conflicts between the settings of a cluster that is one of several in its mesh."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.kubernetes import server_certificate
from mesh.settings.clusters import NETWORK_LABEL, RemoteControlPlane
from mesh.settings.schema import Settings
from mesh.settings.secrets import ENCRYPTED, CertificateAuthority
from mesh.validation.mistake import NO_VALUE, Mistake

RAW: Mapping[str, tuple[str, ...]] = {
    "meshId": ("global", "meshID"),
    "clusterName": ("global", "multiCluster", "clusterName"),
    "network": ("global", "network"),
}
"""Raw values of istiod's chart that a setting decides."""
OF_CONTROL_PLANE = (
    "routingApi",
    "meshConfig",
    "cacerts",
    "mtls",
    "mtlsByNamespace",
    "outboundTrafficPolicy",
    "accessLogs",
    "tracingSampling",
    "revision",
    "canary",
    "revisionTags",
    "externalIstiod",
    "remoteClusters",
    "remoteKubeconfigs",
)
"""Settings of the cluster whose istiod serves another one; revisions are istiod's names."""


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List settings that need others, and those that are set twice."""
    yield from _needs(settings)
    yield from _names(settings)
    yield from _twice(settings)
    yield from _external(settings)
    if settings.cluster_name and settings.cacerts:
        yield from _chain(settings.cacerts)
    contract = settings.platform_contract
    if contract is not None and contract.control_plane is not None:
        yield Mistake(
            ("platformStack",) if settings.platform_stack else ("platformContract",),
            "is a platform without an istiod of its own, in whose cluster no routes and policies "
            f"are read: use the platform of cluster {contract.control_plane}",
            settings.platform_stack or NO_VALUE,
        )
    if settings.remote_control_plane:
        yield from _served(settings, settings.remote_control_plane)
    for index, gateway in enumerate(settings.gateways):
        if gateway.direction == "east-west":
            for mistake in _east_west(settings, gateway.values, has_ports=bool(gateway.ports)):
                yield mistake.below("gateways", index)


def _needs(settings: Settings) -> Iterator[Mistake]:
    joined = {
        "clusterAccess": settings.cluster_access,
        "remoteClusters": settings.remote_clusters,
        "remoteKubeconfigs": settings.remote_kubeconfigs,
        "externalIstiod": settings.external_istiod,
        "remoteControlPlane": settings.remote_control_plane,
    }
    for key in (key for key, value in joined.items() if value):
        for needed in ("meshId", "clusterName"):
            if settings.value(needed) is None:
                rule = f"needs mesh:{needed}: clusters of one mesh know each other by it"
                yield Mistake((key,), rule)
    for key in ("remoteClusters", "remoteKubeconfigs"):
        if settings.value(key) and settings.data_plane.is_ambient:
            rule = (
                "needs sidecars: clusters in ambient mode are joined by Gateways of the class "
                "istio-east-west, which this program doesn't make"
            )
            yield Mistake((key,), rule)
    common = settings.values.base.get("global") or {}
    if settings.cluster_access and common.get("enableReaderRBAC") is False:
        yield Mistake(
            ("clusterAccess",),
            "needs the account istio-reader-service-account, which values.base.global."
            "enableReaderRBAC leaves out: drop one of them",
        )


def _names(settings: Settings) -> Iterator[Mistake]:
    for key in ("remoteClusters", "remoteKubeconfigs"):
        if settings.cluster_name in settings.value(key):
            rule = "is this cluster itself (mesh:clusterName), which istiod would ignore: drop it"
            yield Mistake((key, settings.cluster_name or ""), rule)
    for name in sorted(settings.remote_clusters.keys() & settings.remote_kubeconfigs.keys()):
        rule = "is also in mesh:remoteClusters, and a cluster has one kubeconfig: drop one of them"
        yield Mistake(("remoteKubeconfigs", name), rule)
    stacks: dict[str, str] = {}
    for name, stack in settings.remote_clusters.items():
        if other := stacks.get(stack):
            rule = f"is the stack of cluster {other} too, and a stack has one cluster"
            yield Mistake(("remoteClusters", name), rule, stack)
        stacks[stack] = name


def _twice(settings: Settings) -> Iterator[Mistake]:
    for key, steps in RAW.items():
        raw = _at(settings.values.istiod, steps)
        if raw and settings.value(key):
            rule = f"is also set in mesh:values.istiod.{'.'.join(steps)}: drop that one"
            yield Mistake((key,), rule, settings.value(key))
    proxies = settings.mesh_config.get("defaultConfig") or {}
    if settings.mesh_id and proxies.get("meshId"):
        rule = "is also set in mesh:meshConfig.defaultConfig.meshId: drop that one"
        yield Mistake(("meshId",), rule, settings.mesh_id)
    if settings.network and NETWORK_LABEL in settings.namespace_labels:
        rule = "is set by mesh:network, in Istio's namespace only: drop it"
        yield Mistake(
            ("namespaceLabels", NETWORK_LABEL), rule, settings.namespace_labels[NETWORK_LABEL]
        )


def _chain(given: CertificateAuthority) -> Iterator[Mistake]:
    """Check that an intermediate leads to the root, which the other clusters compare."""
    files = (given.ca_cert, given.cert_chain, given.root_cert)
    texts = [file.get_secret_value() for file in files]
    if ENCRYPTED in texts:
        return
    try:
        issuer, chain, roots = (server_certificate.certificates(text) for text in texts)
    except ValueError as error:
        yield Mistake(("cacerts",), str(error))
        return
    if not _leads_to(roots, issuer[0], chain):
        rule = (
            "isn't signed by a certificate in root-cert.pem, by way of cert-chain.pem: proxies of "
            "the other clusters wouldn't trust those that it signs"
        )
        yield Mistake(("cacerts", "ca-cert.pem"), rule)


def _leads_to(roots: list[Any], certificate: Any, chain: list[Any]) -> bool:
    """Return whether a certificate is a root, or signed by one, or by one of the chain that is."""
    if certificate in roots or any(_is_signed_by(root, certificate) for root in roots):
        return True
    left = [each for each in chain if each != certificate]
    above = [each for each in left if _is_signed_by(each, certificate)]
    return any(_leads_to(roots, each, left) for each in above)


def _is_signed_by(issuer: Any, certificate: Any) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - 0.1 s

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _external(settings: Settings) -> Iterator[Mistake]:
    if settings.external_istiod and not settings.east_west:
        rule = "needs a gateway by which other clusters reach istiod: add {direction: east-west}"
        yield Mistake(("externalIstiod",), rule, settings.external_istiod)


def _served(settings: Settings, by: RemoteControlPlane) -> Iterator[Mistake]:
    """List settings that have no effect in a cluster that another cluster's istiod serves."""
    key = "remoteControlPlane"
    if (by.stack is None) == (by.address is None):
        yield Mistake((key,), "must have either stack or address", by.cluster)
    if by.cluster == settings.cluster_name:
        yield Mistake((key, "cluster"), "is this cluster itself (mesh:clusterName)", by.cluster)
    if settings.mode != "platform":
        rule = (
            "needs mesh:mode platform: routes and policies are read in the cluster of the control "
            "plane only"
        )
        yield Mistake((key,), rule, by.cluster)
    if settings.profile:
        yield Mistake((key,), "decides the profile, remote: drop mesh:profile", by.cluster)
    if settings.data_plane.is_ambient:
        rule = "needs sidecars: istiod doesn't serve ztunnels of other clusters"
        yield Mistake((key,), rule, by.cluster)
    declared = Settings.defaults()
    for other in OF_CONTROL_PLANE:
        if settings.value(other) != declared.value(other):
            rule = f"has no effect with mesh:{key}: set it in the stack of {by.cluster}"
            yield Mistake((other,), rule)


def _east_west(
    settings: Settings, values: Mapping[str, Any], *, has_ports: bool
) -> Iterator[Mistake]:
    if settings.network is None:
        rule = "needs mesh:network, the network that it is the entrance of"
        yield Mistake(("direction",), rule, "east-west")
    if settings.routing_api != "istio":
        rule = "needs routingApi istio: istiod makes no such gateway for sidecars by the other API"
        yield Mistake(("direction",), rule, "east-west")
    if settings.data_plane.is_ambient:
        rule = (
            "is for sidecars; with mesh:injection ambient it is a Gateway of the class "
            "istio-east-west, which this program doesn't make"
        )
        yield Mistake(("direction",), rule, "east-west")
    if not settings.mesh_config.get("enableAutoMtls", True):
        rule = "needs mesh:meshConfig.enableAutoMtls: it passes on mutual TLS only"
        yield Mistake(("direction",), rule, "east-west")
    if has_ports:
        rule = "can't be set with direction east-west: the chart has its ports, 15443 among them"
        yield Mistake(("ports",), rule)
    if "networkGateway" in values:
        rule = "is set by mesh:network with direction east-west: drop it"
        yield Mistake(("values", "networkGateway"), rule, values["networkGateway"])


def _at(values: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        values = values.get(step) if isinstance(values, Mapping) else None
    return values
