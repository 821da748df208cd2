"""One cluster of several: what its stack makes, and what it tells the stacks of the others."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from mesh.istio.certificates import fingerprints
from mesh.redaction import SENTINEL
from mesh.settings.cluster_contract import OUTPUT
from tests.fakes.clusters import CONTRACT, kubeconfig
from tests.fakes.engine import FakeCluster, RecordingEngine, run
from traffic.certificates import make

Run = Callable[..., RecordingEngine]
ROOT = make("root.test").certificate
CACERTS = dict.fromkeys(("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"), ROOT)
NETWORK = "topology.istio.io/network"


@pytest.fixture(scope="module")
def east(release_dir: Any, tmp_path_factory: pytest.TempPathFactory) -> RecordingEngine:
    """Bring up a cluster beside two others: one of a stack, and one of another tool."""
    cluster = FakeCluster()
    roots = list(fingerprints(ROOT))
    west = {**CONTRACT, "network": "net-west", "hasEastWestGateway": True}
    cluster.stacks["org/mesh/west"] = {OUTPUT: {**west, "rootCertificates": roots}}
    engine = RecordingEngine(cluster)
    run(
        engine,
        tmp_path_factory.mktemp("sandbox"),
        concealed="cacerts remoteKubeconfigs",
        slim=True,
        **{
            "releaseDir": str(release_dir),
            "mode": "platform",
            "meshId": "shop",
            "clusterName": "east",
            "network": "net-east",
            "externalIstiod": "true",
            "gateways": json.dumps([{}, {"direction": "east-west"}]),
            "clusterAccess": json.dumps({"tokens": ["a", "b"], "server": "https://192.0.2.1:6443"}),
            "remoteClusters": json.dumps({"west": "org/mesh/west"}),
            "remoteKubeconfigs": json.dumps({"north": kubeconfig()}),
            "cacerts": json.dumps(CACERTS),
        },
    )
    return engine


def test_a_stack_without_others_has_nothing_of_it(deployed: RecordingEngine) -> None:
    """No component, no output, no value and no label."""
    names = ("cluster-access", "remote-clusters", "cross-network")
    assert not [each for each in deployed.requests if any(name in each for name in names)]
    assert OUTPUT not in deployed.outputs
    for options in deployed.cluster.rendered.values():
        common = options["values"].get("global", {})
        assert not {"meshID", "network", "multiCluster"} & common.keys()
        assert "networkGateway" not in options["values"]
    assert NETWORK not in deployed.inputs("Namespace/istio-namespace")["metadata"]["labels"]


def test_the_charts_get_the_names(east: RecordingEngine) -> None:
    """The proxies say them to istiod; the namespace has the label that other istiods read."""
    common = east.cluster.rendered["istiod"]["values"]["global"]

    assert common["meshID"] == "shop"
    assert common["multiCluster"] == {"clusterName": "east"}
    assert common["network"] == "net-east"
    labels = east.inputs("Namespace/istio-namespace")["metadata"]["labels"]
    assert labels[NETWORK] == "net-east"


def test_an_east_west_gateway_is_the_networks_entrance(east: RecordingEngine) -> None:
    """Its Service has the network's label and ports by the chart; what comes in is mutual TLS."""
    values = {
        name: east.cluster.rendered[name]["values"]
        for name in ("istio-ingressgateway", "istio-eastwestgateway")
    }
    name = "cross-network-gateway-istio-eastwestgateway"
    gateway = east.inputs(f"Gateway/{name}")

    assert values["istio-eastwestgateway"]["networkGateway"] == "net-east"
    assert "networkGateway" not in values["istio-ingressgateway"]
    assert gateway["metadata"] == {"name": name, "namespace": "istio-system"}
    assert gateway["spec"] == {
        "selector": {"istio": "eastwestgateway"},
        "servers": [
            {
                "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
                "hosts": ["*.local"],
                "tls": {"mode": "AUTO_PASSTHROUGH"},
            }
        ],
    }


def test_istiod_serves_other_clusters_by_the_east_west_gateway(east: RecordingEngine) -> None:
    """It ends the TLS itself: nothing between it and a proxy can read along."""
    name = "external-istiod-istio-eastwestgateway"
    gateway = east.inputs(f"Gateway/{name}")["spec"]
    way = east.inputs(f"VirtualService/{name}")["spec"]

    assert {server["port"]["number"] for server in gateway["servers"]} == {15012, 15017}
    assert {server["tls"]["mode"] for server in gateway["servers"]} == {"PASSTHROUGH"}
    assert way["gateways"] == [name]
    assert "http" not in way
    routes = {route["match"][0]["port"]: route["route"][0]["destination"] for route in way["tls"]}
    host = "istiod.istio-system.svc.cluster.local"
    assert routes == {
        15012: {"host": host, "port": {"number": 15012}},
        15017: {"host": host, "port": {"number": 443}},
    }
    assert f"Gateway/{name}" in east.waits_for(f"VirtualService/{name}")
    assert east.cluster.rendered["istiod"]["values"]["global"]["externalIstiod"] is True


def test_a_cluster_without_an_istiod_names_who_serves_it(run_program: Run) -> None:
    """To that istiod by an annotation, to other stacks by the contract; and it has no routes."""
    engine = run_program(
        mode="platform",
        meshId="shop",
        clusterName="east",
        network="net-east",
        gateways=json.dumps([{"direction": "east-west"}]),
        remoteControlPlane=json.dumps({"cluster": "west", "address": "192.0.2.10"}),
    )

    annotations = engine.inputs("Namespace/istio-namespace")["metadata"]["annotations"]
    assert annotations["topology.istio.io/controlPlaneClusters"] == "west"
    assert engine.outputs[OUTPUT]["controlPlane"] == "west"
    assert engine.outputs["platformContract"]["controlPlane"] == "west"
    assert "access" not in engine.outputs[OUTPUT]
    assert not [each for each in engine.requests if each.startswith("Gateway/")]
    for chart in ("istio-base", "istiod", "istio-eastwestgateway"):
        assert engine.cluster.rendered[chart]["values"]["profile"] == "remote"


def test_tokens_are_of_the_reading_account(east: RecordingEngine) -> None:
    """Each is a Secret that Kubernetes fills in, after the account is there."""
    for token in ("a", "b"):
        secret = east.inputs(f"Secret/cluster-access-{token}")
        assert secret["type"] == "kubernetes.io/service-account-token"
        assert secret["metadata"] == {
            "name": f"istio-reader-{token}",
            "namespace": "istio-system",
            "annotations": {"kubernetes.io/service-account.name": "istio-reader-service-account"},
        }
        needed = east.waits_for(f"Secret/cluster-access-{token}")
        assert "ValidatingWebhookConfiguration/istiod-default-validator" in needed


def test_the_contract_says_what_others_need(east: RecordingEngine) -> None:
    """And the newest token, with which they reach its API server."""
    contract = east.outputs[OUTPUT]

    assert contract == {
        "contract": 1,
        "clusterName": "east",
        "meshId": "shop",
        "network": "net-east",
        "istioNamespace": "istio-system",
        "trustDomain": "cluster.local",
        "rootCertificates": list(fingerprints(ROOT)),
        "hasEastWestGateway": True,
        "istiodAddress": "192.0.2.1",
        "access": {
            "server": "https://192.0.2.1:6443",
            "certificateAuthority": "Q0E=",
            "token": "the token of istio-reader-b",
        },
    }


@pytest.mark.parametrize(("name", "token"), [("west", "a-token"), ("north", "a-token")])
def test_istiod_finds_each_other_cluster_by_a_secret(
    east: RecordingEngine, name: str, token: str
) -> None:
    """Its only key is the cluster's name, and Pulumi encrypts it in the state."""
    request = east.requests[f"Secret/remote-clusters-{name}"]
    metadata = east.inputs(f"Secret/remote-clusters-{name}")["metadata"]

    assert metadata == {
        "name": f"istio-remote-secret-{name}",
        "namespace": "istio-system",
        "labels": {"istio/multiCluster": "true"},
        "annotations": {"networking.istio.io/cluster": name},
    }
    assert SENTINEL in request.object["data"]
    assert token not in str(request.object)
