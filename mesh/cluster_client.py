"""A client of the stack's cluster, for who looks before or after Pulumi changes something."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx2
import msgspec
import pulumi
from lightkube import Client
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import SingleConfig
from lightkube.core.exceptions import ApiError, ConfigError

from mesh import kubeconfig
from mesh.cluster import Cluster

PATIENCE = 5.0  # seconds until a silent cluster counts as unreachable


@contextmanager
def connect(cluster: Cluster) -> Generator[Client]:
    """Connect for as long as it takes.

    Raises pulumi.RunError when the cluster can't be used, doesn't answer or refuses.
    """
    try:
        patience = httpx2.Timeout(PATIENCE)
        with Client(_config(cluster), timeout=patience, proxy=_proxy(cluster)) as client:
            yield client
    except ConfigError as error:
        raise pulumi.RunError(f"{cluster} can't be used: {error}") from error
    except httpx2.HTTPStatusError as error:
        raise pulumi.RunError(
            f"{cluster} refuses the check: {error}; nothing was changed"
        ) from error
    except (httpx2.HTTPError, msgspec.MsgspecError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise pulumi.RunError(f"{cluster} doesn't answer: {reason}; nothing was changed") from error


def plain(cluster: Cluster) -> httpx2.Client:
    """Connect for requests of one's own, to any API: Client knows those of today only."""
    options = client_adapter.ConnectionParams(
        timeout=httpx2.Timeout(PATIENCE), proxy=_proxy(cluster)
    )
    return client_adapter.Client(_config(cluster), options)


def checked(answer: httpx2.Response) -> httpx2.Response:
    """Raise ApiError, with the API server's own words, for an answer that is a refusal."""
    if answer.is_error:
        raise ApiError(request=answer.request, response=answer)
    return answer


def kubernetes_version(cluster: Cluster) -> str:
    """Ask for the API server's version, such as v1.36.3."""
    with plain(cluster) as client:
        answer = checked(client.get("/version"))
    return msgspec.json.decode(answer.content, type=_Version).gitVersion


class _Version(msgspec.Struct):
    gitVersion: str  # noqa: N815 - Kubernetes' spelling


def _config(cluster: Cluster) -> SingleConfig:
    return kubeconfig.read(cluster.files).connection(cluster.context)


def _proxy(cluster: Cluster) -> str | None:
    return kubeconfig.read(cluster.files).server(cluster.context).get("proxy-url")
