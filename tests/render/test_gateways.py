"""Described gateways, rendered by the real helm from the real charts."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.engine import RecordingEngine, run

from .helm import PluginCluster
from .test_charts import Key, of_charts

GATEWAYS = [
    {
        "name": "public",
        "annotations": {"cloud": "yes"},
        "loadBalancer": {"ip": "192.0.2.9", "class": "inner", "sourceRanges": ["192.0.2.0/24"]},
        "autoscaling": {"minReplicas": 2, "maxReplicas": 9, "targetCPUUtilizationPercentage": 50},
        "values": {"podDisruptionBudget": {"minAvailable": 1}},
    },
    {
        "name": "internal",
        "namespace": "edge",
        "serviceType": "NodePort",
        "ports": [{"name": "http2", "port": 80, "targetPort": 8080, "nodePort": 30080}],
        "replicas": 3,
    },
    {"direction": "egress"},
]


@pytest.fixture(scope="module")
def charts(
    helm: None, version: str, release_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[Key, dict[str, Any]]:
    """Return the objects of the gateways' charts."""
    engine = RecordingEngine(PluginCluster())
    run(
        engine,
        tmp_path_factory.mktemp("sandbox"),
        istioVersion=version,
        releaseDir=str(release_dir),
        gateways=json.dumps(GATEWAYS),
        imagePullSecrets=json.dumps(["registry"]),
    )
    return of_charts(engine)


def test_a_load_balancer_is_as_described(charts: dict[Key, dict[str, Any]]) -> None:
    """Its address, its class, who may come, and what the cloud reads."""
    service = charts["Service", "istio-system", "public"]

    assert service["metadata"]["annotations"]["cloud"] == "yes"
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["loadBalancerIP"] == "192.0.2.9"
    assert service["spec"]["loadBalancerClass"] == "inner"
    assert service["spec"]["loadBalancerSourceRanges"] == ["192.0.2.0/24"]
    assert [port["port"] for port in service["spec"]["ports"]] == [15021, 80, 443]


def test_an_autoscaler_and_a_budget_are_as_described(charts: dict[Key, dict[str, Any]]) -> None:
    """The one from typed fields, the other from raw values."""
    scaler = charts["HorizontalPodAutoscaler", "istio-system", "public"]["spec"]
    budget = charts["PodDisruptionBudget", "istio-system", "public"]["spec"]

    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 9)
    assert scaler["metrics"][0]["resource"]["target"]["averageUtilization"] == 50
    assert budget["minAvailable"] == 1


def test_ports_stand_beside_the_status_port(charts: dict[Key, dict[str, Any]]) -> None:
    """Which is the first: clouds check the health of a Service there."""
    service = charts["Service", "edge", "internal"]["spec"]

    assert service["type"] == "NodePort"
    assert [
        (port["name"], port["port"], port["targetPort"], port.get("nodePort"))
        for port in service["ports"]
    ] == [("status-port", 15021, 15021, None), ("http2", 80, 8080, 30080)]


def test_a_number_of_replicas_has_no_autoscaler(charts: dict[Key, dict[str, Any]]) -> None:
    """It would set the number back."""
    assert charts["Deployment", "edge", "internal"]["spec"]["replicas"] == 3
    assert ("HorizontalPodAutoscaler", "edge", "internal") not in charts


def test_an_egress_gateway_is_as_istios_docs_have_it(charts: dict[Key, dict[str, Any]]) -> None:
    """No way in from outside, and the label that their Gateways select."""
    name = "istio-egressgateway"
    pod = charts["Deployment", "istio-system", name]["spec"]["template"]

    assert charts["Service", "istio-system", name]["spec"]["type"] == "ClusterIP"
    assert pod["metadata"]["labels"]["istio"] == "egressgateway"
    assert pod["metadata"]["labels"]["app"] == name


def test_every_gateway_pulls_with_the_stacks_secrets(charts: dict[Key, dict[str, Any]]) -> None:
    """The chart takes objects, where istiod's takes names."""
    for namespace, name in (("istio-system", "public"), ("edge", "internal")):
        pod = charts["Deployment", namespace, name]["spec"]["template"]["spec"]
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
