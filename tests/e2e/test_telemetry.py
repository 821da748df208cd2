"""The release's add-ons, access logs and traces: brought up, left alone, taken away."""

from collections.abc import Iterator
from typing import Any

import pytest

from .checkout import Checkout
from .istiod import Istiod, eventually

ADDONS = ["prometheus", "loki", "jaeger", "grafana", "kiali"]
KINDS = "deployments,statefulsets,services,configmaps,serviceaccounts,telemetries,pvc"


@pytest.fixture(scope="module")
def watched(checkout: Checkout, first_up: str) -> Iterator[Checkout]:
    """Switch all of it on in a stack that runs, and off again, which leaves nothing."""
    assert first_up
    before = _ours(checkout)
    with checkout.configured(addons=ADDONS, accessLogs=True, tracingSampling="50"):
        checkout.mesh("up")
        yield checkout
    checkout.mesh("up")
    eventually(lambda: _ours(checkout) == before)


def test_every_addon_runs(watched: Checkout) -> None:
    """Pods of the sample's own, Loki's with the volume that it claims."""
    pods = watched.kubectl("get", "pods", "-n", "istio-system")["items"]
    claims = watched.kubectl("get", "pvc", "-n", "istio-system")["items"]

    ready = {
        _app(pod)
        for pod in pods
        if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])
    }
    assert {*ADDONS} <= ready
    assert [claim["status"]["phase"] for claim in claims] == ["Bound"]


def test_a_second_up_changes_nothing(watched: Checkout) -> None:
    """Not even when the cluster is asked what it made of the samples' objects."""
    assert watched.changes("--refresh") == {}


def test_the_stack_says_how_to_reach_them(watched: Checkout) -> None:
    """Each line names a Service that is there."""
    dashboards = watched.kubectl("get", "services", "-n", "istio-system")["items"]
    services = {service["metadata"]["name"] for service in dashboards}

    said = watched.shell("pulumi stack output dashboards --json")

    for service in ("prometheus", "loki", "tracing", "grafana", "kiali"):
        assert f"service/{service} " in said
        assert service in services


def test_proxies_log_and_trace(watched: Checkout) -> None:
    """What istiod would push: a line for each request, and half of them traced to Jaeger."""
    istiod = Istiod.of(watched)
    pod = watched.kubectl("get", "pods", "-n", "bookinfo", "-l", "app=ratings")["items"][0]

    def http() -> list[dict[str, Any]]:
        return [
            filter_["typedConfig"]
            for chain in istiod.listeners(pod)["virtualInbound"]["filterChains"]
            for filter_ in chain["filters"]
            if filter_["name"] == "envoy.filters.network.http_connection_manager"
        ]

    eventually(lambda: all("provider" in manager.get("tracing", {}) for manager in http()))
    for manager in http():
        provider = manager["tracing"]["provider"]["typedConfig"]
        assert [log["typedConfig"]["path"] for log in manager["accessLog"]] == ["/dev/stdout"]
        assert manager["tracing"]["randomSampling"] == {"value": 50}
        assert provider["grpcService"]["envoyGrpc"]["clusterName"] == (
            "outbound|4317||jaeger-collector.istio-system.svc.cluster.local"
        )


def _app(pod: dict[str, Any]) -> str:
    labels = pod["metadata"]["labels"]
    return labels.get("app") or labels["app.kubernetes.io/name"]


def _ours(checkout: Checkout) -> set[tuple[str, str]]:
    """List what there is of the kinds that the samples have."""
    listed = checkout.kubectl("get", KINDS, "-n", "istio-system")["items"]
    listed += checkout.kubectl("get", "clusterroles,clusterrolebindings,pv")["items"]
    return {(found["kind"], found["metadata"]["name"]) for found in listed}
