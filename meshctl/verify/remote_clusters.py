"""Checks of the mesh's other clusters: their API servers accept the kubeconfigs that istiod has."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Secret

from mesh.istio import remote_api_server
from mesh.istio.certificates import roots_of, short
from mesh.istio.remote_api_server import RemoteAPIServer
from mesh.istio.remote_clusters import LABEL
from mesh.preflight import remedies
from mesh.preflight.remote_clusters import renewal
from mesh.settings.schema import Settings
from meshctl.manifests.manifest import key
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.verify.pods import restart
from meshctl.verify.snapshot import Finding, Snapshot, Status
from meshctl.workspace.settings import UNREADABLE

CHECK = "remote cluster"


@dataclass(frozen=True, kw_only=True)
class Kubeconfig:
    """A kubeconfig in a Secret that istiod watches."""

    cluster: str
    secret: str
    text: str = field(repr=False)


def read(client: Client, settings: Settings) -> list[Kubeconfig] | None:
    """Read those of Istio's namespace; None if the user may not list Secrets there."""
    try:
        return [
            Kubeconfig(cluster=cluster, secret=secret.metadata.name, text=_decoded(data))
            for secret in client.list(
                Secret, namespace=settings.istio_namespace, labels={LABEL: "true"}
            )
            if secret.metadata and secret.metadata.name
            for cluster, data in (secret.data or {}).items()
        ]
    except ApiError as error:
        if error.status.code == 403:
            return None
        raise


def check(
    kubeconfigs: Sequence[Kubeconfig], snapshot: Snapshot, settings: Settings
) -> Iterator[Finding]:
    """Ask each API server as istiod would, and list clusters and pods that istiod doesn't know."""
    namespace = settings.istio_namespace
    answers = remote_api_server.ask_all([each.text for each in kubeconfigs], namespace)
    own = roots_of(snapshot.root_certificates.get(namespace))
    known: set[str] = {settings.cluster_name or ""}
    for kubeconfig, answer in zip(kubeconfigs, answers, strict=True):
        if kubeconfig.cluster in known:
            yield Finding(
                check=CHECK,
                subject=kubeconfig.cluster,
                status="wrong",
                found=f"Secret {kubeconfig.secret} has the name of this cluster, or of another "
                "Secret's: istiod ignores it",
                remedy=f"give each cluster a clusterName of its own, and delete what no stack has: "
                f"kubectl delete secret {kubeconfig.secret} -n {namespace}",
            )
        else:
            yield _finding(kubeconfig.cluster, answer, settings, own)
        known.add(kubeconfig.cluster)
    wanted = {*settings.remote_clusters, *settings.remote_kubeconfigs} - {UNREADABLE}
    for name in sorted(wanted - known):
        yield Finding(
            check=CHECK,
            subject=name,
            status="wrong",
            found="istiod has no Secret with its kubeconfig",
            remedy=remedies.bring_back(),
        )
    yield from _misnamed(snapshot, settings)


def _finding(
    name: str, answer: RemoteAPIServer, settings: Settings, own: tuple[str, ...]
) -> Finding:
    """Compare a cluster with this one."""
    status: Status = "wrong"
    remedy = renewal(name, settings)
    if answer.fault:
        found = f"API server {answer.address}: {answer.fault}"
    elif answer.silence:
        status = "warning"
        found = f"API server {answer.address} can't be reached from here: {answer.silence}"
        remedy = (
            f"see whether istiod reaches it: istioctl remote-clusters -i {settings.istio_namespace}"
        )
    elif not answer.has_istio:
        found = f"API server {answer.address} has no namespace {settings.istio_namespace}"
        remedy = "deploy its Istio, or take the cluster out of remoteClusters"
    elif answer.roots and own and not set(answer.roots) & set(own):
        found = (
            f"its proxies trust {short(answer.roots)}, those here {short(own)}, and refuse each "
            "other's requests"
        )
        remedy = "give the CAs of both one root (docs/several-clusters.md)"
    else:
        status, remedy = "ok", ""
        place = f", in network {answer.network}" if answer.network else ""
        found = f"API server {answer.address} accepts istiod's kubeconfig{place}"
    return Finding(check=CHECK, subject=name, status=status, found=found, remedy=remedy)


def _misnamed(snapshot: Snapshot, settings: Settings) -> Iterator[Finding]:
    """List pods whose proxy says another cluster's name: istiod doesn't let it in."""
    for pod in snapshot.pods:
        proxy = proxy_of(pod["spec"])
        variables = {each["name"]: each.get("value") for each in (proxy or {}).get("env") or ()}
        name = variables.get("ISTIO_META_CLUSTER_ID", settings.cluster_name)
        if proxy and name != settings.cluster_name:
            yield Finding(
                check=CHECK,
                subject=key(pod),
                status="warning",
                found=f"started when the cluster's name was {name}, and istiod knows it as "
                f"{settings.cluster_name}",
                remedy=restart(pod, snapshot.mesh),
            )


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
