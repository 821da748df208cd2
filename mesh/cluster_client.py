"""A client of the stack's cluster, for who looks before or after Pulumi changes something."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx2
import pulumi
from lightkube import Client, KubeConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError
from msgspec import MsgspecError

from mesh.cluster import Cluster

PATIENCE = 5.0  # seconds until a silent cluster counts as unreachable


@contextmanager
def connect(cluster: Cluster) -> Generator[Client]:
    """Connect for as long as it takes.

    Raises pulumi.RunError when the cluster can't be used, doesn't answer or refuses.
    """
    try:
        config = KubeConfig.from_file(cluster.kubeconfig).get(cluster.context)
    except (ConfigError, KeyError) as error:
        raise pulumi.RunError(f"{cluster} can't be used: the file lacks {error}") from error
    assert config is not None  # noqa: S101 - only without a context name
    # A context without a user is an open cluster; lightkube insists on one.
    config = config._replace(user=config.user or User())
    try:
        with Client(config, timeout=httpx2.Timeout(PATIENCE)) as client:
            yield client
    except ConfigError as error:
        raise pulumi.RunError(f"{cluster} can't be used: the file lacks {error}") from error
    except httpx2.HTTPStatusError as error:
        raise pulumi.RunError(
            f"{cluster} refuses the check: {error}; nothing was changed"
        ) from error
    except (httpx2.HTTPError, MsgspecError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise pulumi.RunError(f"{cluster} doesn't answer: {reason}; nothing was changed") from error
