"""Gateways of every kind come and go, each by itself, and the Kubernetes Gateway API's as well."""

import json

from mesh.istio.gateway_api_crds import KNOWN_BY
from tests.fakes.engine import ISTIO

from .checkout import Checkout

PUBLIC = {"name": "istio-ingressgateway"}
INTERNAL = {
    "name": "internal",
    "namespace": "edge",
    "serviceType": "NodePort",
    "ports": [{"name": "http2", "port": 8080}],
}
EGRESS = {"direction": "egress"}


def test_a_gateway_comes_and_goes_by_itself(deployed: Checkout) -> None:
    """Two join the first, one of them in a namespace of its own, and leave: no other is touched."""
    with deployed.configured(gateways=[PUBLIC, INTERNAL, EGRESS]):
        before = _pods(deployed)
        deployed.mesh("up")

        added = {name: pod for name, pod in _pods(deployed).items() if name not in before}
        assert before.items() <= _pods(deployed).items()
        assert {pod["metadata"]["namespace"] for pod in added.values()} == {"edge", "istio-system"}
        for pod in added.values():
            assert pod["spec"]["containers"][0]["image"] == f"docker.io/istio/proxyv2:{ISTIO}"
        internal = deployed.kubectl("get", "service", "internal", "-n", "edge")["spec"]
        assert internal["type"] == "NodePort"
        assert [port["port"] for port in internal["ports"]] == [15021, 8080]
        egress = deployed.kubectl("get", "service", "istio-egressgateway", "-n", "istio-system")
        assert egress["spec"]["type"] == "ClusterIP"

    changes = deployed.changes()
    assert set(changes.values()) == {"delete"}, changes
    owned = ("edge/", "gateways-edge", "internal", "istio-egress", "istio-system/istio-egress")
    assert all(name.startswith(owned) for name in changes), changes
    deployed.mesh("up")
    assert _pods(deployed).keys() == before.keys()
    assert "edge" not in _namespaces(deployed)


def test_istiod_deploys_the_gateways_of_the_kubernetes_api(deployed: Checkout) -> None:
    """With routingApi gateway-api each is a Gateway, programmed, and its address is the stack's."""
    with deployed.configured(routingApi="gateway-api", gateways=[PUBLIC, INTERNAL]):
        deployed.mesh("up")

        gateways = {
            found["metadata"]["name"]: found
            for found in deployed.kubectl("get", "gateways.gateway.networking.k8s.io", "-A")[
                "items"
            ]
        }
        assert gateways.keys() == {"istio-ingressgateway", "internal"}
        for gateway in gateways.values():
            conditions = {c["type"]: c["status"] for c in gateway["status"]["conditions"]}
            assert conditions["Programmed"] == "True"
        name = "istio-ingressgateway-istio"
        service = deployed.kubectl("get", "service", name, "-n", "istio-system")
        address = service["status"]["loadBalancer"]["ingress"][0]["ip"]
        assert deployed.pulumi("stack", "output", "gatewayAddress").strip() == address
        assert "pulumi.com/waitFor" not in service["metadata"].get("annotations", {})
        assert deployed.changes("--refresh") == {}

    # The CRDs stay when the stack leaves them to the cluster: others' routes are of their kinds.
    own = {"routingApi": "gateway-api", "gatewayApiCrds": "cluster"}
    with deployed.configured(**own):
        deployed.mesh("up")
        assert KNOWN_BY not in json.dumps(deployed.state())
        assert deployed.changes("--refresh") == {}
    deployed.mesh("up")
    crds = deployed.kubectl("get", "crds", "gateways.gateway.networking.k8s.io")
    assert crds["metadata"]["annotations"]["gateway.networking.k8s.io/channel"] == "standard"
    assert "edge" not in _namespaces(deployed)
    deployed.shell(
        "kubectl get crds -o name | grep gateway.networking.k8s.io | xargs kubectl delete"
    )
    with deployed.configured(**own):
        said = deployed.fails("preview")
    assert f"there is no CRD {KNOWN_BY}" in said
    assert "pulumi config set gatewayApiCrds stack" in said


def _pods(checkout: Checkout) -> dict[str, dict]:
    listed = checkout.kubectl("get", "pods", "--all-namespaces")["items"]
    return {pod["metadata"]["uid"]: pod for pod in listed}


def _namespaces(checkout: Checkout) -> set[str]:
    return {found["metadata"]["name"] for found in checkout.kubectl("get", "namespaces")["items"]}
