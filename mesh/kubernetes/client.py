"""Clients of the stack's cluster, for checks before and after Pulumi changes something."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import httpx2
import msgspec
import pulumi
from lightkube import Client
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ApiError, ConfigError

from mesh.kubernetes import kubeconfig
from mesh.kubernetes.cluster import Cluster
from mesh.kubernetes.server_certificate import now

ALERT = "[SSL: TLSV1_ALERT"
"""Start of an error's text when the server ended a TLS handshake."""
UNTIMELY = ("certificate is not yet valid", "certificate has expired")
"""Parts of an error's text that may be due to this machine's clock."""
PATIENCE = 5.0  # seconds until a silent cluster counts as unreachable


@contextmanager
def connect(cluster: Cluster) -> Generator[Client]:
    """Connect a client for the duration of a `with` block.

    Raises pulumi.RunError when the cluster can't be used, doesn't answer or refuses.
    """
    try:
        config, way = _way(cluster)
        with Client(
            config, timeout=way.timeout, proxy=way.proxy, transport=way.transport
        ) as client:
            yield client
    except ConfigError as error:
        raise pulumi.RunError(f"{cluster} can't be used: {error}") from error
    except httpx2.HTTPStatusError as error:
        reason = str(error)
        if error.response.status_code == httpx2.codes.UNAUTHORIZED:
            reason += (
                " (the kubeconfig's token or certificate isn't valid now, or isn't this cluster's: "
                "log in again; is this machine's clock right, by `date -u`?)"
            )
        raise pulumi.RunError(
            f"{cluster} refuses the check: {reason}; nothing was changed"
        ) from error
    except (httpx2.HTTPError, msgspec.MsgspecError, OSError) as error:
        reason = str(error) or type(error).__name__
        if any(each in reason for each in UNTIMELY):
            reason += (
                f" (this machine's clock says {now():%Y-%m-%d %H:%M} UTC: if that is wrong, set it)"
            )
        raise pulumi.RunError(f"{cluster} doesn't answer: {reason}; nothing was changed") from error


def plain(cluster: Cluster) -> httpx2.Client:
    """Return an HTTP client for any API: lightkube's Client knows only current ones."""
    return client_adapter.Client(*_way(cluster))


def ask(client: httpx2.Client, path: str, headers: Mapping[str, str]) -> httpx2.Response:
    """Send a GET, and repeat it once if the server ended the TLS handshake.

    The server ended one of several concurrent handshakes with TLSV1_ALERT_DECODE_ERROR: seen once
    in some thousand previews, with OpenSSL 3.
    """
    try:
        return client.get(path, headers=headers)
    except httpx2.TransportError as error:
        if ALERT not in str(error):
            raise
        return client.get(path, headers=headers)


def checked(answer: httpx2.Response) -> httpx2.Response:
    """Return the answer. Raises ApiError, with the API server's message, if it is an error."""
    if answer.is_error:
        raise ApiError(request=answer.request, response=answer)
    return answer


def kubernetes_version(cluster: Cluster) -> str:
    """Return the API server's version, such as v1.36.3."""
    with plain(cluster) as client:
        answer = checked(client.get("/version"))
    return msgspec.json.decode(answer.content, type=_Version).gitVersion


class _Version(msgspec.Struct):
    gitVersion: str  # noqa: N815 - Kubernetes' spelling


class _Renamed(httpx2.HTTPTransport):
    """Transport for a server's certificate with another name than the address, as with a tunnel."""

    def __init__(self, name: str, config: SingleConfig) -> None:
        user = config.user or User()
        super().__init__(client_adapter.verify_cluster(config.cluster, user, config.abs_file))
        self._name = name

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions = {**request.extensions, "sni_hostname": self._name}
        return super().handle_request(request)


def _way(cluster: Cluster) -> tuple[SingleConfig, client_adapter.ConnectionParams]:
    """Return a client's config and connection parameters; lightkube doesn't read all of them."""
    found = kubeconfig.read(cluster.files)
    config, server = found.connection(cluster.context), found.server(cluster.context)
    name = server.get("tls-server-name")
    return config, client_adapter.ConnectionParams(
        timeout=httpx2.Timeout(PATIENCE),
        proxy=server.get("proxy-url"),
        transport=_Renamed(name, config) if name else None,
    )
