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


def asked(status, headers, *, times):
    """Create an object on a server that is busy some times; tell how often it was asked."""
    seen = []

    def answer(request):
        seen.append(request.method)
        if len(seen) <= times:
            return httpx2.Response(status, headers=headers, json={"message": "busy"})
        return httpx2.Response(200, json={})

    cluster = Cluster(select(Overrides(kubeconfig=yaml.safe_dump(CONFIG))))
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
