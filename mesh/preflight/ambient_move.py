"""Move of Bookinfo between sidecars and ambient mode: what would stop its requests meanwhile.

Old pods stay until the new ones are ready, so for some time both kinds send each other requests.
"""

from collections.abc import Iterator
from typing import Any

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.core_v1 import Pod

from mesh.istio.running_mesh import RunningMesh
from mesh.settings.labels import INJECT, REVISION
from mesh.settings.schema import Settings

GROUP = "security.istio.io"
AUTHORIZATION = create_namespaced_resource(
    GROUP, "v1", "AuthorizationPolicy", "authorizationpolicies"
)
PEERS = create_namespaced_resource(GROUP, "v1", "PeerAuthentication", "peerauthentications")
STRICT = "STRICT"
TUNNEL = ("networking.istio.io/tunnel", "http")
"""Label of a pod whose sidecar accepts connections of ztunnel (files/injection-template.yaml)."""
HBONE = "meshConfig.defaultConfig.proxyMetadata.ISTIO_META_ENABLE_HBONE"
"""Setting that new sidecars accept them by; the charts' profile for ambient mode has it."""
NOT_FOUND = 404
DENIAL = "allow-nothing"
"""Policy by which the stack denies by default."""


def obstacles(
    client: Client, settings: Settings, running: RunningMesh, warnings: list[str]
) -> Iterator[str]:
    """List what must be changed before the move, and warn of what happens during it."""
    namespace, wanted = settings.bookinfo_namespace, settings.data_plane
    if settings.mode == "platform" or namespace not in running.namespaces:
        return
    sidecars = _sidecars(client, namespace) if wanted.is_ambient else []
    leaves_ambient = wanted.has_sidecars and namespace in running.ambient_namespaces
    if not sidecars and not leaves_ambient:
        return
    where = "ambient mode to sidecars" if leaves_ambient else "sidecars to ambient mode"
    warnings.append(
        f"namespace {namespace} moves from {where}: each Deployment's pods are recreated, and the "
        "old ones stay until the new ones are ready (docs/ambient.md)"
    )
    policies = {each["metadata"]["name"] for each in _items(client, AUTHORIZATION, namespace)}
    if settings.deny_by_default or DENIAL in policies:
        yield (
            f"namespace {namespace} denies by default, and sidecars and waypoints know callers in "
            "different ways: `pulumi config set denyByDefault false` and `pulumi up` first, and "
            "set it again after the move"
        )
    deaf = [labels for labels in sidecars if labels.get(TUNNEL[0]) != TUNNEL[1]]
    if not _is_strict(client, settings):
        if deaf:
            warnings.append(
                f"requests from new pods to the {len(deaf)} with old sidecars in namespace "
                f"{namespace} are plain text until the move is over (docs/ambient.md)"
            )
        if leaves_ambient:
            warnings.append(
                f"requests between the old pods in namespace {namespace}, which leave ambient mode "
                "first, are plain text until the move is over (docs/ambient.md)"
            )
        return
    if deaf:
        pods = "1 pod" if len(deaf) == 1 else f"{len(deaf)} pods"
        restart = f"`kubectl rollout restart deployment -n {namespace}`"
        enable = f"`pulumi config set --type string --path {HBONE} true`, `pulumi up`, "
        yield (
            f"mutual TLS is strict in namespace {namespace}, where the sidecars of {pods} accept "
            f"no connections of ztunnel: {'' if settings.mode == 'app' else enable}{restart} first"
        )
    if leaves_ambient and settings.mode == "standalone":
        yield (
            f"mutual TLS is strict in namespace {namespace}, and istiod leaves ambient mode before "
            "the last pod does: `pulumi config set mtls permissive` and `pulumi up` first, and set "
            "it again after the move"
        )


def _sidecars(client: Client, namespace: str) -> list[dict[str, str]]:
    """Return the labels of each pod with a sidecar; waypoints and gateways have no sidecars."""
    metadata = [pod.metadata for pod in client.list(Pod, namespace=namespace) if pod.metadata]
    return [
        live.labels or {}
        for live in metadata
        if REVISION in (live.annotations or {}) and (live.labels or {}).get(INJECT) != "false"
    ]


def _is_strict(client: Client, settings: Settings) -> bool:
    """Return whether Bookinfo's pods refuse plain text, now or after the update."""
    namespace = settings.bookinfo_namespace
    wanted = settings.mtls_by_namespace.get(namespace, settings.mtls)
    own = _items(client, PEERS, namespace)
    policies = own or _items(client, PEERS, settings.root_namespace)
    modes = {(policy["spec"].get("mtls") or {}).get("mode") for policy in policies}
    return wanted == "strict" or STRICT in modes


def _items(client: Client, kind: Any, namespace: str) -> list[dict[str, Any]]:
    """List objects of a kind; none where the cluster doesn't serve the kind."""
    try:
        return [live.to_dict() for live in client.list(kind, namespace=namespace)]
    except ApiError as error:
        if error.status.code != NOT_FOUND:
            raise
        return []
