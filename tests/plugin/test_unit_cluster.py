"""Requests to an API server that can't answer just now."""

import httpx2
import pytest
import yaml

from sandbox.kubernetes_plugin.cluster import Cluster
from sandbox.kubernetes_plugin.errors import ApiError
from sandbox.kubernetes_plugin.kubeconfig import Overrides, select

CONFIG = {
    "current-context": "c",
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c"}}],
}


def server():
    """Give a cluster that was never asked for anything."""
    return Cluster(select(Overrides(kubeconfig=yaml.safe_dump(CONFIG))))


def asked(status, headers, *, times):
    """Create an object on a server that is busy some times; tell how often it was asked."""
    seen = []

    def answer(request):
        seen.append(request.method)
        if len(seen) <= times:
            return httpx2.Response(status, headers=headers, json={"message": "busy"})
        return httpx2.Response(200, json={})

    cluster = server()
    cluster._http = httpx2.Client(
        transport=httpx2.MockTransport(answer), base_url="http://127.0.0.1:1"
    )
    try:
        cluster.create("/api/v1/namespaces", {})
    except ApiError:
        return -len(seen)
    return len(seen)


@pytest.mark.parametrize(
    ("status", "headers", "times", "expected"),
    [
        (429, {"Retry-After": "0"}, 2, 3),
        (503, {"Retry-After": "0"}, 10, 11),
        (503, {"Retry-After": "0"}, 11, -11),
        (500, {}, 1, -1),
        (404, {"Retry-After": "0"}, 1, -1),
    ],
)
def test_a_server_that_says_when_is_asked_again(status, headers, times, expected):
    """Ten times at most, as client-go's rest/with_retry.go does."""
    assert asked(status, headers, times=times) == expected


@pytest.mark.parametrize(
    ("version", "minor"),
    [
        ({"major": "1", "minor": "36", "gitVersion": "v1.36.3"}, (1, 36)),
        ({"major": "1", "minor": "27+", "gitVersion": "v1.27.3-gke.1"}, (1, 27)),
        ({"major": "", "minor": "", "gitVersion": "v1.15.12"}, (1, 15)),
        ({"major": "", "minor": "", "gitVersion": "devel"}, (1, 14)),
    ],
)
def test_a_version_is_read_wherever_it_is(version, minor):
    """As provider/pkg/cluster/version.go, parseVersion and TryGetServerVersion."""
    cluster = server()
    cluster._version = version
    assert cluster.minor() == minor
