"""Gateways: what a description of one comes to, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from mesh.charts.values import typed_gateway_values
from mesh.istio import gateway_api_crds
from mesh.istio.gateway_api_crds import BUNDLES, KNOWN_BY
from mesh.kubernetes.ownership import ANNOTATION
from mesh.settings.gateway import STATUS_PORT, Gateway
from mesh.validation import config
from tests.fakes.engine import RecordingEngine

Configure = Callable[..., None]
RunProgram = Callable[..., RecordingEngine]

ACCOUNTS = {"registry.example.com": {"username": "mesh", "password": "Hunter2"}}
THREE: list[dict[str, Any]] = [
    {"name": "public", "values": {"service": {"externalTrafficPolicy": "Local"}}},
    {"name": "internal", "namespace": "edge", "serviceType": "NodePort"},
    {"direction": "egress"},
]


def described(**fields: Any) -> Gateway:
    """Return a gateway from its description."""
    return Gateway.model_validate(fields)


def refusal(configure: Configure, gateways: object, **overrides: str) -> str:
    """Return the message that a list of gateways is refused with."""
    configure(gateways=json.dumps(gateways), **overrides)
    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()
    return str(caught.value)


@pytest.fixture(scope="module")
def three(run_program: RunProgram) -> RecordingEngine:
    """Deploy three gateways, one of them in a namespace of its own."""
    return run_program(
        gateways=json.dumps(THREE),
        imagePullSecrets=json.dumps(["registry"]),
        imagePullPolicy="Always",
        registryCredentials=json.dumps(ACCOUNTS),
        concealed="registryCredentials",
    )


@pytest.fixture(scope="module")
def kubernetes_gateways(
    run_program: RunProgram, tmp_path_factory: pytest.TempPathFactory
) -> RecordingEngine:
    """Deploy the same with the Kubernetes Gateway API, its bundle of a single CRD."""
    project = tmp_path_factory.mktemp("project")
    bundle = project / "releases" / "gateway-api-1.5.1"
    bundle.mkdir(parents=True)
    notes = "annotations: {gateway.networking.k8s.io/bundle-version: v1.5.1}"
    (bundle / "crds.yaml").write_text(
        "apiVersion: apiextensions.k8s.io/v1\n"
        f"kind: CustomResourceDefinition\nmetadata: {{name: {KNOWN_BY}, {notes}}}\n"
        "spec: {group: gateway.networking.k8s.io}\n---\n"
        "kind: ValidatingAdmissionPolicy\nmetadata: {name: safe-upgrades}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway_api_crds, "PROJECT", project)
        bare = [{key: gateway[key] for key in gateway if key != "values"} for gateway in THREE]
        return run_program(gateways=json.dumps(bare), routingApi="gateway-api")


# --- what a description comes to -------------------------------------------------------------


def test_an_empty_description_is_the_usual_gateway() -> None:
    """`pulumi config set --path 'gateways[0].serviceType' NodePort` alone is a whole gateway."""
    ingress, egress = described(), described(direction="egress")

    assert (ingress.name, ingress.service_type) == ("istio-ingressgateway", "LoadBalancer")
    assert (egress.name, egress.service_type) == ("istio-egressgateway", "ClusterIP")


def test_a_plain_gateway_sets_nothing_but_its_type() -> None:
    """What nobody decided is the chart's to decide, in this release and the next."""
    assert typed_gateway_values(described()) == {"service": {"type": "LoadBalancer"}}


def test_an_egress_gateway_bears_the_label_of_istios_docs() -> None:
    """Whatever its name, so that the Gateways in them select it; an ingress goes by its name."""
    out, inner = described(name="out", direction="egress"), described(name="istio-inner")

    assert typed_gateway_values(out)["labels"] == out.selector == {"istio": "egressgateway"}
    assert inner.selector == {"istio": "inner"}
    assert described(values={"labels": {"istio": "mine"}}).selector == {"istio": "mine"}


def test_an_empty_class_is_no_class() -> None:
    """Stacks may have it, and the chart then leaves it out."""
    gateway = described(loadBalancer={"class": ""})

    assert "loadBalancerClass" not in typed_gateway_values(gateway)["service"]


def test_every_field_reaches_the_chart() -> None:
    """Under the key that the chart has for it."""
    gateway = described(
        annotations={"cloud": "yes"},
        loadBalancer={"ip": "192.0.2.9", "class": "inner", "sourceRanges": ["192.0.2.0/24"]},
        ports=[{"name": "http2", "port": 80, "targetPort": 8080, "nodePort": 30080}],
        autoscaling={"minReplicas": 2, "maxReplicas": 9},
    )

    assert typed_gateway_values(gateway) == {
        "service": {
            "type": "LoadBalancer",
            "annotations": {"cloud": "yes"},
            "loadBalancerIP": "192.0.2.9",
            "loadBalancerClass": "inner",
            "loadBalancerSourceRanges": ["192.0.2.0/24"],
            "ports": [
                STATUS_PORT,
                {
                    "name": "http2",
                    "port": 80,
                    "targetPort": 8080,
                    "protocol": "TCP",
                    "nodePort": 30080,
                },
            ],
        },
        "autoscaling": {
            "minReplicas": 2,
            "maxReplicas": 9,
            "targetCPUUtilizationPercentage": 80,
        },
    }


def test_a_number_of_replicas_switches_the_autoscaler_off() -> None:
    """Else it would set the number back."""
    values = typed_gateway_values(described(replicas=3))

    assert values["replicaCount"] == 3
    assert values["autoscaling"] == {"enabled": False}


def test_raw_values_and_the_stacks_own_are_merged(three: RecordingEngine) -> None:
    """Beside the typed fields, key by key; pull secrets as Kubernetes spells them."""
    assert three.cluster.rendered["public"]["values"] == {
        "service": {"type": "LoadBalancer", "externalTrafficPolicy": "Local"},
        "imagePullSecrets": [{"name": "registry"}, {"name": "istio-registry"}],
        "imagePullPolicy": "Always",
    }


# --- what is deployed ------------------------------------------------------------------------


def test_a_gateway_is_known_by_its_name(three: RecordingEngine, run_program: RunProgram) -> None:
    """Its neighbours in the list may come, go and change places: no resource has a new name."""
    fewer = run_program(gateways=json.dumps(THREE[1::-1]))
    asides = ("Stack/", "Secret/")  # the engine's own, and the account of one of the two stacks
    of_three, of_two = (
        {name for name in engine.requests if not name.startswith(asides)}
        for engine in (three, fewer)
    )
    egress = {name for name in of_three if name.endswith("/istio-egressgateway")}

    assert len(egress) == 3  # the chart, its Deployment and its Service
    assert of_three - of_two == egress
    assert of_two <= of_three


def test_a_gateways_own_namespace_is_the_stacks(three: RecordingEngine) -> None:
    """Marked, injected, with the stack's account; before the gateway and after istiod."""
    metadata = three.inputs("Namespace/gateways-edge-namespace")["metadata"]

    assert metadata["name"] == "edge"
    assert metadata["labels"] == {"istio-injection": "enabled"}
    assert metadata["annotations"] == {ANNOTATION: "mesh/test"}
    assert three.inputs("Secret/gateways-edge-istio-registry")["metadata"]["namespace"] == "edge"
    assert "Namespace/gateways-edge-namespace" in three.waits_for("Deployment/edge/internal")
    assert "Deployment/istio-system/istiod" in three.waits_for("Namespace/gateways-edge-namespace")
    assert three.outputs["namespaces"] == ("istio-system", "edge", "bookinfo")


def test_a_gateway_waits_for_no_other(three: RecordingEngine) -> None:
    """They come up side by side."""
    assert not {
        name
        for name in three.waits_for("Deployment/istio-system/public")
        if "internal" in name or "egress" in name or "edge" in name
    }


def test_bookinfo_waits_for_every_gateway(three: RecordingEngine) -> None:
    """And for all that each of them is made of."""
    before = three.waits_for("Deployment/bookinfo-reviews-v1")

    assert {
        f"{kind}/{place}"
        for kind in ("Deployment", "Service")
        for place in ("istio-system/public", "edge/internal", "istio-system/istio-egressgateway")
    } <= before


def test_the_waits_follow_the_service_type(three: RecordingEngine) -> None:
    """An address is waited for where one will come."""
    waits = {
        name: three.inputs(f"Service/{name}")["metadata"]["annotations"]
        for name in ("istio-system/public", "edge/internal", "istio-system/istio-egressgateway")
    }

    assert "pulumi.com/waitFor" in waits["istio-system/public"]
    assert waits["edge/internal"] == {"pulumi.com/skipAwait": "true"}
    assert waits["istio-system/istio-egressgateway"] == {"pulumi.com/skipAwait": "true"}


def test_every_gateway_has_an_address_in_the_outputs(three: RecordingEngine) -> None:
    """By name; the first ingress gateway's is the stack's."""
    assert three.outputs["gatewayAddress"] == "192.0.2.1"
    assert three.outputs["gatewayAddresses"] == {
        "public": "192.0.2.1",
        "internal": "none",
        "istio-egressgateway": "none",
    }


# --- the Kubernetes Gateway API --------------------------------------------------------------


def test_a_kubernetes_gateway_is_deployed_by_istiod(kubernetes_gateways: RecordingEngine) -> None:
    """One object says it all: its class, its Service's type, and whose routes it takes."""
    gateway = kubernetes_gateways.inputs("Gateway/internal")

    assert gateway["metadata"] == {
        "name": "internal",
        "namespace": "edge",
        "annotations": {
            "networking.istio.io/service-type": "NodePort",
            "pulumi.com/waitFor": "condition=Programmed",
        },
    }
    assert gateway["spec"]["gatewayClassName"] == "istio"
    (listener,) = gateway["spec"]["listeners"]
    assert (listener["name"], listener["port"], listener["protocol"]) == ("http", 80, "HTTP")
    (allowed,) = listener["allowedRoutes"]["namespaces"]["selector"]["matchExpressions"]
    assert allowed["key"] == "kubernetes.io/metadata.name"
    assert allowed["values"] == ["bookinfo"]
    assert set(kubernetes_gateways.cluster.rendered) == {"istio-base", "istiod"}


def test_pulumis_annotations_stay_on_the_gateway(kubernetes_gateways: RecordingEngine) -> None:
    """Without annotations for what it deploys, istiod would copy the Gateway's own."""
    infrastructure = kubernetes_gateways.inputs("Gateway/public")["spec"]["infrastructure"]

    assert infrastructure == {"annotations": {}}


def test_the_gateway_apis_crds_are_there_before_istiod(
    kubernetes_gateways: RecordingEngine,
) -> None:
    """It looks for them when it starts; and the Gateways come after it."""
    crd = f"CustomResourceDefinition/{KNOWN_BY}"

    assert crd in kubernetes_gateways.waits_for("IstioCore/istio")
    assert "Deployment/istio-system/istiod" in kubernetes_gateways.waits_for("Gateway/internal")
    namespace = "Namespace/gateways-edge-namespace"
    assert namespace in kubernetes_gateways.waits_for("Gateway/internal")
    rollout = "ProxyRollout/internal-rollout"
    assert "Gateway/internal" in kubernetes_gateways.waits_for(rollout)
    assert rollout in kubernetes_gateways.waits_for("Deployment/bookinfo-reviews-v1")


def test_the_gateway_apis_crds_belong_to_all(kubernetes_gateways: RecordingEngine) -> None:
    """Taken over where others made them, awaited, never deleted; the bundle's policies stay out."""
    crd = f"CustomResourceDefinition/{KNOWN_BY}"
    request = kubernetes_gateways.requests[crd]
    annotations = kubernetes_gateways.inputs(crd)["metadata"]["annotations"]

    assert request.retainOnDelete
    assert "::cluster-crds::" in request.provider
    assert annotations == {
        "gateway.networking.k8s.io/bundle-version": "v1.5.1",
        "pulumi.com/waitFor": "condition=Established",
    }
    assert kubernetes_gateways.outputs["keptOnDestroy"][-1] == KNOWN_BY
    assert not [name for name in kubernetes_gateways.requests if "safe-upgrades" in name]


def test_a_kubernetes_gateways_address_is_what_its_status_says(
    kubernetes_gateways: RecordingEngine,
) -> None:
    """Istiod writes it there."""
    assert kubernetes_gateways.outputs["gatewayAddress"] == "192.0.2.2"


def test_ports_are_listeners() -> None:
    """A name that Istio takes for HTTP is a listener; what else there is has been refused."""
    from components.kubernetes_gateway import _ports  # noqa: PLC0415 - beside what it is about

    gateway = described(ports=[{"name": "http2", "port": 8080}, {"name": "http-b", "port": 81}])

    assert [(port.name, port.port) for port in _ports(gateway)] == [("http2", 8080), ("http-b", 81)]


@pytest.mark.parametrize(
    ("api", "crds", "brings"),
    [
        ("istio", "stack", False),
        ("gateway-api", "stack", True),
        ("gateway-api", "cluster", False),
    ],
)
def test_the_crds_are_brought_where_they_are_needed(
    configure: Configure, api: str, crds: str, *, brings: bool
) -> None:
    """Not for Istio's own routes, and not where the cluster has its own."""
    configure(routingApi=api, gatewayApiCrds=crds)

    assert config.read_settings().brings_gateway_api == brings


@pytest.mark.parametrize(
    ("version", "minor"), [("1.31.4", "1.31"), ("1.31.0-rc.0", "1.31"), ("1.99.0", None)]
)
def test_a_bundle_is_that_of_a_minor(version: str, minor: str | None) -> None:
    """A release candidate's too."""
    assert gateway_api_crds.of(version) == (BUNDLES[minor] if minor else None)


def test_a_bundle_that_is_not_on_disk_is_one_command_away(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a file away: the message names the folder."""
    monkeypatch.setattr(gateway_api_crds, "PROJECT", tmp_path)

    configure(routingApi="gateway-api")

    with pytest.raises(pulumi.RunError) as caught:
        gateway_api_crds.find(config.read_settings())

    assert f"no folder {tmp_path}/releases/gateway-api-1.5.1" in str(caught.value)
    assert "`make release STACK=test`" in str(caught.value)


def test_a_bundle_without_the_crds_is_refused(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty folder isn't a Gateway API."""
    monkeypatch.setattr(gateway_api_crds, "PROJECT", tmp_path)
    (tmp_path / "releases" / "gateway-api-1.4.1").mkdir(parents=True)

    configure(routingApi="gateway-api", istioVersion="1.29.3")

    with pytest.raises(pulumi.RunError, match=f"has no CRD {KNOWN_BY}"):
        gateway_api_crds.find(config.read_settings())


def test_an_istio_whose_gateway_api_is_unknown_is_refused(configure: Configure) -> None:
    """With those that are known; a stack that doesn't bring it isn't asked."""
    configure(routingApi="gateway-api", istioVersion="1.12.0")
    with pytest.raises(
        pulumi.RunError, match=r"known of Istio 1\.29, 1\.30, 1\.31, 1\.32, not of 1\.12\.0"
    ):
        gateway_api_crds.find(config.read_settings())

    configure(istioVersion="1.12.0")
    assert gateway_api_crds.find(config.read_settings()) is None


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gateway", "mistake"),
    [
        ({"name": "My_Gateway"}, "gateways[0].name: a gateway's name is 1 to 53 lower-case"),
        ({"name": "1st"}, "gateways[0].name: a gateway's name is 1 to 53 lower-case"),
        ({"name": "g" * 54}, "gateways[0].name: a gateway's name is 1 to 53 lower-case"),
        ({"name": "istiod-x"}, "gateways[0].name: a gateway can't have a name of the control"),
        ({"namespace": "Edge"}, "gateways[0].namespace: a namespace is 1 to 63 lower-case"),
        ({"namespace": "bookinfo"}, "gateways[0].namespace: must differ from bookinfoNamespace"),
        (
            {"serviceType": "ExternalName"},
            "gateways[0].serviceType: must be 'LoadBalancer', 'NodePort' or 'ClusterIP'",
        ),
        ({"servicetype": "NodePort"}, "gateways[0].servicetype: no such setting, did you mean"),
        (
            {"direction": "sideways"},
            "gateways[0].direction: must be 'ingress', 'egress' or 'east-west'",
        ),
        ({"ports": []}, "gateways[0].ports: "),
        (
            {"ports": [{"name": "http2", "port": 0}]},
            "gateways[0].ports[0].port: must be greater than or equal to 1, got 0",
        ),
        (
            {"ports": [{"name": "http2", "port": 80, "targetPort": 65536}]},
            "gateways[0].ports[0].targetPort: must be less than or equal to 65535, got 65536",
        ),
        ({"ports": [{"port": 80}]}, "gateways[0].ports[0].name: must be set"),
        ({"ports": [{"name": "HTTP", "port": 80}]}, "gateways[0].ports[0].name: a port's name is"),
        (
            {"ports": [{"name": "http2", "port": 80}, {"name": "http3", "port": 80}]},
            "gateways[0].ports[1].port: must be unique; 15021 is the status port, which every "
            "gateway has, got 80",
        ),
        (
            {"ports": [{"name": "http2", "port": 80}, {"name": "http2", "port": 81}]},
            "gateways[0].ports[1].name: must be unique; status-port is the name of 15021",
        ),
        (
            {"ports": [{"name": "status", "port": 15021}]},
            "gateways[0].ports[0].port: must be unique; 15021 is the status port, which every "
            "gateway has, got 15021",
        ),
        (
            {"serviceType": "ClusterIP", "ports": [{"name": "h", "port": 80, "nodePort": 30000}]},
            "gateways[0].ports[0].nodePort: needs serviceType NodePort or LoadBalancer",
        ),
        (
            {"serviceType": "NodePort", "loadBalancer": {"ip": "192.0.2.1"}},
            "gateways[0].loadBalancer: needs serviceType LoadBalancer, got 'NodePort'",
        ),
        (
            {"loadBalancer": {"sourceRanges": ["here"]}},
            "gateways[0].loadBalancer.sourceRanges[0]: a source range is a network",
        ),
        (
            {"autoscaling": {"minReplicas": 6}},
            "gateways[0].autoscaling.minReplicas: can't be more than maxReplicas, 5, got 6",
        ),
        (
            {"autoscaling": {}, "replicas": 1},
            "gateways[0].replicas: can't be set together with autoscaling, got 1",
        ),
        (
            {"values": {"service": {"type": "None"}}},
            "gateways[0].values.service.type: is the gateway's own field serviceType: set that, "
            "and drop this, got 'None'",
        ),
        ({"direction": "egress"}, "gateways: must have an ingress gateway"),
        (
            {"ports": [{"name": "http2", "port": 80, "nodePort": 80}]},
            "gateways[0].ports[0].nodePort: must be in 30000 to 32767; for a cluster with another "
            "--service-node-port-range, write the ports into the gateway's values.service.ports, "
            "got 80",
        ),
        (
            {
                "ports": [
                    {"name": "http2", "port": 80, "nodePort": 30080},
                    {"name": "https", "port": 443, "nodePort": 30080},
                ]
            },
            "gateways[0].ports[1].nodePort: must be unique: a node has each port once, got 30080",
        ),
        (
            {"ports": [{"name": "http2", "port": 80, "targetPort": 15090}]},
            "gateways[0].ports[0].targetPort: is a port of the proxy's own, for Envoy's metrics",
        ),
        (
            {"loadBalancer": {"ip": "198.51.100.300"}},
            "gateways[0].loadBalancer.ip: an address is an IP, such as 192.0.2.10",
        ),
        (
            {"loadBalancer": {"ip": "fe80::1%eth0"}},
            "gateways[0].loadBalancer.ip: an address can't have a zone, which only one machine",
        ),
        *(
            (
                {"loadBalancer": {"sourceRanges": [network]}},
                "gateways[0].loadBalancer.sourceRanges[0]: a source range is a network with the "
                "length of its prefix",
            )
            for network in ("192.0.2.1", "10.0.0.0/255.0.0.0")
        ),
        (
            {"loadBalancer": {"class": "`id`"}},
            "gateways[0].loadBalancer.class: a load balancer's class is up to 63 letters, digits",
        ),
        (
            {"autoscaling": {"targetCPUUtilizationPercentage": 2**63}},
            "gateways[0].autoscaling.targetCPUUtilizationPercentage: must be less than or equal to "
            "2147483647",
        ),
        (
            {"annotations": {"team": "a\x07"}},
            "gateways[0].annotations.team: an annotation can't have control characters, such as "
            "'\\x07'",
        ),
        (
            {"replicas": 2**31},
            "gateways[0].replicas: must be less than or equal to 2147483647, got 2147483648",
        ),
        (
            {"namespace": "kube-system"},
            "gateways[0].namespace: is a namespace of Kubernetes itself",
        ),
        (
            {"annotations": {"internal load balancer": "true"}},
            'gateways[0].annotations["internal load balancer"]: a key is up to 63 letters, digits',
        ),
        (
            {"annotations": {"service.beta.kubernetes.io/azure-load-balancer-internal": True}},
            'gateways[0].annotations["service.beta.kubernetes.io/azure-load-balancer-internal"]: '
            "must be a string, in quotes: pulumi config set --type string --path 'gateways[0]"
            '.annotations["service.beta.kubernetes.io/azure-load-balancer-internal"]\' VALUE, '
            "got True",
        ),
        (
            {"ports": [{"name": "http2", "port": 80}], "values": {"networkGateway": "network1"}},
            "gateways[0].ports: has no effect with values.networkGateway network1: the chart "
            "then has the ports of values.networkGatewayPorts only; drop one of them, got [80]",
        ),
        (
            {"replicas": 2, "values": {"kind": "DaemonSet"}},
            "gateways[0].replicas: has no effect with values.kind DaemonSet",
        ),
        (
            {"values": {"podDisruptionBudget": {"minAvailable": 1}}},
            "gateways[0].values.podDisruptionBudget: has no effect with one replica, for which the "
            "chart makes no such budget: set replicas, or autoscaling.minReplicas, to 2 or more",
        ),
    ],
)
def test_a_gateway_that_kubernetes_or_the_chart_would_refuse(
    configure: Configure, gateway: dict[str, Any], mistake: str
) -> None:
    """Is refused before anything is rendered, with its place in the config."""
    assert f"\n  - mesh:{mistake}" in refusal(configure, [gateway])


def test_the_same_port_for_tcp_and_udp_is_fine(configure: Configure) -> None:
    """HTTP/3 is such a pair: the rule is Kubernetes' own, no stricter."""
    ports = [
        {"name": "http2", "port": 80},
        {"name": "https", "port": 443},
        {"name": "http3", "port": 443, "protocol": "UDP"},
    ]
    configure(gateways=json.dumps([{"ports": ports}]))

    assert len(config.read_settings().gateways[0].ports or ()) == 3


def test_bookinfos_way_in_speaks_http(configure: Configure) -> None:
    """A first ingress gateway without a port of plain HTTP would leave its route unreachable."""
    ports = [{"name": "https", "port": 443}]

    message = refusal(configure, [{"ports": ports}])

    assert "mesh:gateways[0].ports: must have a port for HTTP" in message
    assert "got ['https']" in message


def test_routes_come_in_by_the_gateways_own_port(
    run_program: Callable[..., RecordingEngine],
) -> None:
    """A gateway that serves HTTP on another port is where routes, and the URL, lead to."""
    ports = [{"name": "http-web", "port": 8080}]
    engine = run_program(gateways=json.dumps([{"ports": ports}]))

    (server,) = engine.inputs("Gateway/bookinfo-routes-gateway")["spec"]["servers"]
    assert server["port"]["number"] == 8080
    assert engine.outputs["bookinfoUrl"] == "http://bookinfo.test.localhost:8080/productpage"


def test_two_gateways_have_no_node_port_in_common(configure: Configure) -> None:
    """Kubernetes would refuse the second Service, in the middle of an update."""
    ports = [{"name": "http2", "port": 80, "nodePort": 30080}]

    message = refusal(configure, [{"ports": ports}, {"name": "edge", "ports": ports}])

    assert "mesh:gateways[1].ports[0].nodePort: must be unique" in message


def test_a_static_address_is_asked_for_by_the_gateway_api_too(
    run_program: Callable[..., RecordingEngine],
) -> None:
    """In spec.addresses, which istiod sets as the address of the load balancer."""
    gateway = {"loadBalancer": {"ip": "192.0.2.10"}}
    engine = run_program(
        gateways=json.dumps([gateway]), routingApi="gateway-api", gatewayApiCrds="cluster"
    )

    spec = engine.inputs("Gateway/istio-ingressgateway")["spec"]
    assert spec["addresses"] == [{"type": "IPAddress", "value": "192.0.2.10"}]


def test_two_gateways_have_two_names(configure: Configure) -> None:
    """In two namespaces too: the stack's resources are named by them."""
    message = refusal(configure, [{}, {"namespace": "edge"}])

    assert "mesh:gateways[1].name: must differ from every other gateway's" in message
    assert "got 'istio-ingressgateway'" in message


def test_two_gateways_have_two_labels(configure: Configure) -> None:
    """The chart drops istio- from the one that Bookinfo's Gateway selects by."""
    message = refusal(configure, [{"name": "istio-edge"}, {"name": "edge"}])

    assert (
        "mesh:gateways[1].name: must differ from another gateway's by more than the prefix istio-"
        in message
    )


@pytest.mark.parametrize(
    ("gateway", "place"),
    [
        ({"replicas": 2}, "replicas"),
        ({"autoscaling": {}}, "autoscaling"),
        ({"values": {"kind": "DaemonSet"}}, "values"),
        ({"loadBalancer": {"class": "internal"}}, "loadBalancer"),
        ({"loadBalancer": {"ip": "192.0.2.1", "sourceRanges": []}}, "loadBalancer"),
        ({"ports": [{"name": "tcp-x", "port": 9000}]}, "ports[0].name"),
        ({"ports": [{"name": "https", "port": 443}]}, "ports[0].name"),
        ({"ports": [{"name": "http", "port": 80, "targetPort": 8080}]}, "ports[0]"),
    ],
)
def test_what_only_the_chart_can_do_is_refused_with_the_gateway_api(
    configure: Configure, gateway: dict[str, Any], place: str
) -> None:
    """Rather than passed over in silence."""
    message = refusal(configure, [gateway], routingApi="gateway-api")

    assert f"\n  - mesh:gateways[0].{place}: " in message


@pytest.mark.parametrize(
    ("values", "mistake"),
    [
        ({"replicaCountt": 2}, "replicaCountt: no such value in the chart"),
        ({"kind": "Pod"}, "kind: 'Pod' is not one of"),
        ({"revision": "x"}, "revision: is decided by the program"),
        ({"name": "x"}, "name: is the gateway's own name"),
    ],
)
def test_raw_values_are_checked_with_the_charts_own_schema(
    configure: Configure, release_dir: Path, values: dict[str, Any], mistake: str
) -> None:
    """The gateway chart has one; a key it doesn't know, or a wrong type, has its whole path."""
    gateways = json.dumps([{}, {"name": "b", "values": values}])
    configure(gateways=gateways, releaseDir=str(release_dir))

    with pytest.raises(pulumi.RunError) as caught:
        config.read()

    assert f"\n  - mesh:gateways[1].values.{mistake}" in str(caught.value)
