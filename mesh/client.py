"""A client of the stack's cluster, for what Pulumi doesn't do: checks before, hooks after."""

import httpx2
import msgspec
from lightkube import Client, KubeConfig
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ApiError

from mesh.cluster import Cluster

PATIENCE = 5.0  # seconds until a silent cluster counts as unreachable


def connect(cluster: Cluster) -> Client:
    """Connect by a kubeconfig's context."""
    return Client(_config(cluster), timeout=httpx2.Timeout(PATIENCE))


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
