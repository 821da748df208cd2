"""Other clusters of the mesh that the stack can't join: their API servers are asked."""

from collections.abc import Iterator, Sequence

import pulumi
from lightkube import Client
from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration
from lightkube.resources.core_v1 import Secret

from mesh.istio import remote_api_server
from mesh.istio.certificates import fingerprints, published, roots_of, short
from mesh.istio.remote_api_server import RemoteAPIServer
from mesh.istio.remote_clusters import LABEL, RemoteCluster
from mesh.kubernetes import ownership
from mesh.kubernetes.client import connect
from mesh.kubernetes.cluster import Cluster
from mesh.preflight.refusal import refuse
from mesh.settings.schema import Settings


def check(cluster: Cluster, settings: Settings, remotes: Sequence[RemoteCluster]) -> None:
    """Refuse clusters that istiod could never use, and warn of those that it may not reach."""
    warnings: list[str] = []
    with connect(cluster) as client:
        reasons = list(_refusals(client, settings, remotes, warnings))
        reasons += _unserved(client, settings)
    refuse(f"other clusters can't be in one mesh with stack {ownership.stack()}", reasons)
    for warning in warnings:
        pulumi.log.warn(warning)


def _refusals(
    client: Client, settings: Settings, remotes: Sequence[RemoteCluster], warnings: list[str]
) -> Iterator[str]:
    namespace = settings.istio_namespace
    others = _other_secrets(client, namespace, {each.secret for each in remotes})
    answers = remote_api_server.ask_all([each.kubeconfig for each in remotes], namespace)
    own = _own_roots(client, settings)
    for remote, answer in zip(remotes, answers, strict=True):
        for reason in _faults(remote, answer, settings, own):
            yield f"cluster {remote.name}: {reason}"
        if secret := others.get(remote.name):
            yield (
                f"cluster {remote.name}: Secret {secret} in namespace {namespace}, which the stack "
                "didn't make, has a cluster of this name, and istiod ignores the second one: "
                f"kubectl delete secret {secret} -n {namespace}, or rename one of the clusters"
            )
        warnings += [f"cluster {remote.name}: {each}" for each in _doubts(remote, answer, settings)]


def _unserved(client: Client, settings: Settings) -> Iterator[str]:
    """List gateways whose proxy nobody would inject: they would wait for it for ten minutes."""
    serving = settings.remote_control_plane
    if serving is None or not settings.gateways:
        return
    hooks = [
        webhook
        for found in client.list(MutatingWebhookConfiguration, labels={"app": "sidecar-injector"})
        for webhook in found.webhooks or ()
    ]
    if not any(webhook.clientConfig.caBundle for webhook in hooks):
        yield (
            f"cluster {settings.cluster_name}: the istiod of {serving.cluster} doesn't serve it "
            "yet, and a gateway's proxy is injected: bring the stack up with `mesh:gateways: []` "
            f"in its file; then set remoteClusters.{settings.cluster_name} in the stack of "
            f"{serving.cluster}, and pulumi up there; then bring this one up with its gateways"
        )


def _other_secrets(client: Client, namespace: str, own: set[str]) -> dict[str, str]:
    """Return the Secrets of others with kubeconfigs for istiod, by the clusters in them."""
    return {
        cluster: secret.metadata.name
        for secret in client.list(Secret, namespace=namespace, labels={LABEL: "true"})
        if secret.metadata and secret.metadata.name and secret.metadata.name not in own
        for cluster in secret.data or {}
    }


def _own_roots(client: Client, settings: Settings) -> tuple[str, ...]:
    if settings.cacerts is not None:
        return fingerprints(settings.cacerts.root_cert.get_secret_value())
    return roots_of(published(client, settings.istio_namespace))


def _faults(
    remote: RemoteCluster, answer: RemoteAPIServer, settings: Settings, own: tuple[str, ...]
) -> Iterator[str]:
    if answer.fault:
        yield f"API server {answer.address}: {answer.fault}; {renewal(remote.name, settings)}"
    if not answer.has_istio or remote.contract is not None:
        return  # a stack's facts are in its contract
    if answer.roots and own and not set(answer.roots) & set(own):
        yield (
            f"it has the root certificate {short(answer.roots)}, this one {short(own)}, and "
            "proxies would refuse each other: set cacerts in both, with intermediates of one root "
            "(docs/several-clusters.md)"
        )
    if answer.network == settings.network:
        return
    if answer.network is None or settings.network is None:
        yield (
            f"it is in network {answer.network or 'none'}, this one in "
            f"{settings.network or 'none'}: set the network in all clusters, or in none"
        )
    elif not settings.east_west:
        yield (
            f"it is in another network, {answer.network}, and this stack has no gateway for "
            "requests from there: add {direction: east-west} to its gateways"
        )


def _doubts(remote: RemoteCluster, answer: RemoteAPIServer, settings: Settings) -> Iterator[str]:
    """List what only may be wrong: it may change before the update, or istiod may reach more."""
    if answer.silence:
        yield (
            f"API server {answer.address} can't be reached from here: {answer.silence}. If istiod "
            "can't reach it either, it knows no endpoints there, and starts 30 s later"
        )
    elif not answer.fault and not answer.has_istio:
        yield (
            f"API server {answer.address} has no namespace {settings.istio_namespace}: deploy its "
            "Istio, then requests find its endpoints"
        )
    contract = remote.contract
    aliases = settings.mesh_config.get("trustDomainAliases") or ()
    if contract and contract.trust_domain not in (settings.trust_domain, *aliases):
        yield (
            f"its trust domain is {contract.trust_domain}, this one's {settings.trust_domain}: "
            f"policies here know its callers only with {contract.trust_domain} in "
            "meshConfig.trustDomainAliases"
        )


def renewal(name: str, settings: Settings) -> str:
    """Return the commands that give istiod a new kubeconfig."""
    if stack := settings.remote_clusters.get(name):
        return f"pulumi up --refresh --stack {stack}, then pulumi up"
    return f"pulumi config set --secret --path remoteKubeconfigs.{name} < FILE, then pulumi up"
