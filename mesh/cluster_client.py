"""A client of the stack's cluster, for who looks before or after Pulumi changes something."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx2
import msgspec
import pulumi
from lightkube import Client, KubeConfig
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ApiError, ConfigError

from mesh.cluster import Cluster

PATIENCE = 5.0  # seconds until a silent cluster counts as unreachable


@contextmanager
def connect(cluster: Cluster) -> Generator[Client]:
    """Connect for as long as it takes.

    Raises pulumi.RunError when the cluster can't be used, doesn't answer or refuses.
    """
    try:
        config = _config(cluster)
    except (ConfigError, KeyError) as error:
        raise pulumi.RunError(f"{cluster} can't be used: the file lacks {error}") from error
    try:
        with Client(config, timeout=httpx2.Timeout(PATIENCE)) as client:
            yield client
    except ConfigError as error:
        raise pulumi.RunError(f"{cluster} can't be used: the file lacks {error}") from error
    except httpx2.HTTPStatusError as error:
        raise pulumi.RunError(
            f"{cluster} refuses the check: {error}; nothing was changed"
        ) from error
    except (httpx2.HTTPError, msgspec.MsgspecError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise pulumi.RunError(f"{cluster} doesn't answer: {reason}; nothing was changed") from error


def plain(cluster: Cluster) -> httpx2.Client:
    """Connect for requests of one's own, to any API: Client knows those of today only."""
    patience = client_adapter.ConnectionParams(timeout=httpx2.Timeout(PATIENCE))
    return client_adapter.Client(_config(cluster), patience)


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
    config = KubeConfig.from_file(cluster.kubeconfig).get(cluster.context)
    assert config is not None  # noqa: S101 - only without a context name
    # A context without a user is an open cluster; lightkube insists on one.
    return config._replace(user=config.user or User())
