"""A client of the stack's cluster, for what Pulumi doesn't do: checks before, hooks after."""

import httpx2
from lightkube import Client, KubeConfig
from lightkube.config.models import User

from mesh.cluster import Cluster

PATIENCE = 5.0  # seconds until a silent cluster counts as unreachable


def connect(cluster: Cluster) -> Client:
    """Connect by a kubeconfig's context."""
    config = KubeConfig.from_file(cluster.kubeconfig).get(cluster.context)
    assert config is not None  # noqa: S101 - only without a context name
    # A context without a user is an open cluster; lightkube insists on one.
    return Client(config._replace(user=config.user or User()), timeout=httpx2.Timeout(PATIENCE))
