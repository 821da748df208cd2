"""Checks before anything changes: a preview refuses what an update would break on."""

from collections.abc import Iterator

import httpx2
import pulumi
from lightkube import Client, KubeConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace
from msgspec import MsgspecError

from mesh import gateway_preflight, ownership
from mesh.cluster import Cluster
from mesh.gateway_api_bundle import Bundle
from mesh.settings import Settings

PATIENCE = 5.0  # seconds until a silent cluster counts as unreachable


def check(cluster: Cluster, stack: Settings, gateway_api: Bundle | None) -> None:
    """Refuse a cluster that doesn't answer, or that has an Istio by another hand.

    The stack's own namespaces must be absent, or bear its mark; `gateway_api` is what it brings.
    """
    where = f"cluster of context {cluster.context!r} ({cluster.kubeconfig})"
    try:
        with _connect(cluster) as client:
            foreign = list(_foreign(client, stack.namespaces))
            obstacles = list(gateway_preflight.obstacles(client, stack, gateway_api))
    except httpx2.HTTPStatusError as error:
        raise pulumi.RunError(f"{where} refuses the check: {error}; nothing was changed") from error
    except (httpx2.HTTPError, MsgspecError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise pulumi.RunError(f"{where} doesn't answer: {reason}; nothing was changed") from error
    except (ConfigError, KeyError) as error:
        raise pulumi.RunError(f"{where} can't be used: the file lacks {error}") from error
    if obstacles and not foreign:
        raise pulumi.RunError(
            f"{where} has what the gateways of stack {ownership.stack()} would fail on; nothing "
            "was changed:\n" + "\n".join(f"  - {obstacle}" for obstacle in obstacles)
        )
    if not foreign:
        return
    remedy = "remove them with the tool that made them, or choose another cluster or namespaces"
    if any(owner for _, owner in foreign):
        remedy += (
            "; if that stack is this one before it was renamed: kubectl annotate --overwrite "
            f"namespace NAMESPACE {ownership.ANNOTATION}={ownership.stack()}"
        )
    raise pulumi.RunError(
        f"{where} has things that stack {ownership.stack()} would overwrite and doesn't own; "
        "nothing was changed:\n" + "\n".join(f"  - {found}" for found, _ in foreign) + f"\n{remedy}"
    )


def _connect(cluster: Cluster) -> Client:
    config = KubeConfig.from_file(cluster.kubeconfig).get(cluster.context)
    assert config is not None  # noqa: S101 - only without a context name
    # A context without a user is an open cluster; lightkube insists on one.
    return Client(config._replace(user=config.user or User()), timeout=httpx2.Timeout(PATIENCE))


def _foreign(client: Client, namespaces: tuple[str, ...]) -> Iterator[tuple[str, str | None]]:
    """Describe what isn't ours, and name its stack if it has one."""
    owners: dict[str | None, str | None] = {}
    for namespace in client.list(Namespace):
        metadata = _metadata(namespace)
        owner = (metadata.annotations or {}).get(ownership.ANNOTATION)
        owners[metadata.name] = owner
        if metadata.name in namespaces and owner != ownership.stack():
            yield _describe("Namespace", metadata, owner), owner

    for istiod in client.list(Deployment, namespace="*", labels={"app": "istiod"}):
        metadata = _metadata(istiod)
        owner = owners.get(metadata.namespace)
        if owner != ownership.stack():
            yield _describe("Deployment", metadata, owner), owner

    # CRDs alone don't count: a destroy keeps them.
    injectors = client.list(MutatingWebhookConfiguration, labels={"app": "sidecar-injector"})
    for injector in injectors:
        owner = owners.get(_served_from(injector))
        if owner != ownership.stack():
            yield _describe("MutatingWebhookConfiguration", _metadata(injector), owner), owner


def _served_from(injector: MutatingWebhookConfiguration) -> str | None:
    """Name the namespace of the istiod behind an injector, if it is in the cluster."""
    for webhook in injector.webhooks or []:
        if webhook.clientConfig.service:
            return webhook.clientConfig.service.namespace
    return None


def _metadata(live: Namespace | Deployment | MutatingWebhookConfiguration) -> ObjectMeta:
    assert live.metadata is not None  # noqa: S101 - an API server always sends it
    return live.metadata


def _describe(kind: str, metadata: ObjectMeta, owner: str | None) -> str:
    place = f" in namespace {metadata.namespace}" if metadata.namespace else ""
    managers = {
        entry.manager
        for entry in metadata.managedFields or []
        if entry.manager and entry.subresource != "status"
    }
    hand = f", of stack {owner}" if owner else ""
    return f"{kind} {metadata.name}{place}, by {' and '.join(sorted(managers)) or 'unknown'}{hand}"
