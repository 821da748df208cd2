"""A platform, an app on it, or both: what each makes, and what each may set."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from mesh import project
from mesh.kubernetes.ownership import ANNOTATION, APP, HOST
from mesh.project import PROJECT
from mesh.settings.platform_contract import CONTRACT, OUTPUT
from mesh.settings.schema import FACTS
from mesh.validation import config
from tests.fakes.clusters import kubeconfig
from tests.fakes.engine import ISTIO, FakeCluster, RecordingEngine, defaults, run

Configure = Callable[..., None]
Run = Callable[..., RecordingEngine]

GATEWAY = {
    "name": "front",
    "serviceType": "LoadBalancer",
    "ports": [{"name": "http-app", "port": 8080}],
}
PLATFORM_COMPONENTS = {
    "IstioCRDs/istio-crds",
    "GatewayAPICRDs/gateway-api-crds",
    "IstioCore/istio",
    "Gateways/gateways",
    "NodeAgents/node-agents",
    "MeshSecurity/security",
    "Telemetry/telemetry",
}
APP_COMPONENTS = {
    "InjectedNamespace/bookinfo",
    "MeshSecurity/security",
    "Bookinfo/bookinfo",
    "BookinfoRoutes/bookinfo-routes",
}


@pytest.fixture(scope="module")
def platform(run_program: Run) -> RecordingEngine:
    """Bring up a platform that differs from the defaults in all that an app depends on."""
    return run_program(
        mode="platform",
        mtls="strict",
        cni="true",
        istioNamespace="mesh",
        gateways=json.dumps([GATEWAY]),
        meshConfig=json.dumps({"trustDomain": "example.com"}),
        revision="1-30-3",
        revisionTags=json.dumps({"stable": "1-30-3"}),
    )


@pytest.fixture(scope="module")
def contract(platform: RecordingEngine) -> dict[str, Any]:
    """Return what it says of itself."""
    return platform.outputs[OUTPUT]


@pytest.fixture(scope="module")
def app(platform: RecordingEngine, tmp_path_factory: pytest.TempPathFactory) -> RecordingEngine:
    """Bring up an app on it, which finds it by its stack."""
    cluster = FakeCluster()
    cluster.stacks["base"] = platform.outputs
    engine = RecordingEngine(cluster)
    run(
        engine,
        tmp_path_factory.mktemp("sandbox"),
        **{"mode": "app", "platformStack": "base"},
        **{"denyByDefault": "true", "bookinfoRevision": "stable"},
    )
    return engine


def components(engine: RecordingEngine) -> set[str]:
    """Return the components of a stack."""
    return {
        name
        for name, request in engine.requests.items()
        if request.parent.endswith("::mesh-test") and request.custom is False
    }


def test_each_mode_makes_its_components(
    platform: RecordingEngine, app: RecordingEngine, deployed: RecordingEngine
) -> None:
    """And no empty ones: a developer's preview shows nothing of the platform."""
    assert components(platform) == PLATFORM_COMPONENTS
    assert components(app) == APP_COMPONENTS
    assert components(deployed) == PLATFORM_COMPONENTS | APP_COMPONENTS


def test_an_app_owns_one_namespace_and_what_is_in_it(app: RecordingEngine) -> None:
    """Nothing else is the cluster's, and the namespace bears its stack's name, host and label."""
    made = [
        app.inputs(name)
        for name, request in app.requests.items()
        if request.custom and not name.startswith("kubernetes/")
    ]
    (namespace,) = [each for each in made if each["kind"] == "Namespace"]

    assert namespace["metadata"]["name"] == "bookinfo-test"
    assert namespace["metadata"]["annotations"] == {
        ANNOTATION: "mesh/test",
        HOST: "bookinfo.test.localhost",
    }
    assert APP.items() <= namespace["metadata"]["labels"].items()
    inside = [each for each in made if each is not namespace]
    assert {each["metadata"]["namespace"] for each in inside} == {"bookinfo-test"}
    assert app.outputs["namespaces"] == ("bookinfo-test",)


def test_an_app_never_takes_all_hosts(app: RecordingEngine) -> None:
    """Of the shared gateway it binds its own host only."""
    hosts = {
        host
        for name, request in app.requests.items()
        if request.custom and name.startswith(("Gateway/", "VirtualService/"))
        for spec in [app.inputs(name)["spec"]]
        for host in (
            *spec.get("hosts", ()),
            *(h for s in spec.get("servers", ()) for h in s["hosts"]),
        )
    }

    assert hosts == {"bookinfo.test.localhost"}


def test_an_app_fits_its_platform(app: RecordingEngine) -> None:
    """Gateway, port, trust domain, tag and istio-cni are those that the platform has."""
    gateway = app.inputs("Gateway/bookinfo-routes-gateway")["spec"]
    viewer = app.inputs("AuthorizationPolicy/security-allow-productpage")["spec"]
    pod = app.inputs("Deployment/bookinfo-details-v1")["spec"]["template"]["metadata"]
    namespace = app.inputs("Namespace/bookinfo-namespace")["metadata"]

    assert gateway["selector"] == {"istio": "front"}
    assert gateway["servers"][0]["port"]["number"] == 8080
    principals = viewer["rules"][0]["from"][0]["source"]["principals"]
    assert principals == ["example.com/ns/mesh/sa/front"]
    assert namespace["labels"]["istio.io/rev"] == "stable"
    assert pod["annotations"] == {
        "mesh.pulumi.com/redirected-by": "istio-cni",
        "mesh.pulumi.com/revision": "1-30-3",
    }
    assert app.outputs["bookinfoUrl"] == "http://bookinfo.test.localhost:8080/productpage"
    assert app.outputs["istioVersion"] == ISTIO
    assert app.outputs["gatewayAddress"] == "192.0.2.1"


def test_the_contract_by_config_is_the_same(
    app: RecordingEngine,
    contract: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Copied into an app's config it gives the same objects as the stack it came from."""
    engine = RecordingEngine()
    run(
        engine,
        tmp_path_factory.mktemp("sandbox"),
        **{"mode": "app", "platformContract": json.dumps(contract)},
        **{"denyByDefault": "true", "bookinfoRevision": "stable"},
    )

    assert engine.requests.keys() == app.requests.keys()
    for name, request in app.requests.items():
        if request.custom and not name.startswith("kubernetes/"):
            assert engine.inputs(name) == app.inputs(name)


def test_mesh_wide_policies_are_the_platforms(
    platform: RecordingEngine, app: RecordingEngine
) -> None:
    """An app's policies hold in its namespace; mutual TLS is for all of the mesh."""
    assert "PeerAuthentication/security-mtls-mesh" in platform.requests
    assert not any(name.startswith("PeerAuthentication/") for name in app.requests)
    assert not any(name.startswith("AuthorizationPolicy/") for name in platform.requests)


def test_a_platform_is_no_output_of_a_standalone_stack(deployed: RecordingEngine) -> None:
    """What it has is its own, and a preview of an older program's stack shows no change."""
    assert OUTPUT not in deployed.outputs


def test_a_gateway_of_the_platform_lets_apps_in(run_program: Run) -> None:
    """By the Gateway API's own rule: from the namespaces that bear the label."""
    engine = run_program(mode="platform", routingApi="gateway-api", gatewayApiCrds="cluster")

    (listener,) = engine.inputs("Gateway/istio-ingressgateway")["spec"]["listeners"]
    assert listener["allowedRoutes"]["namespaces"] == {
        "from": "Selector",
        "selector": {"matchLabels": APP},
    }


@pytest.mark.parametrize(
    "gateways",
    [
        [],
        [{"direction": "egress"}],
        [{"ports": [{"name": "tls", "port": 443, "tls": {"mode": "PASSTHROUGH"}}]}],
        [{"ports": [{"name": "tcp-mongo", "port": 27017}]}],
    ],
)
def test_a_platform_may_have_gateways_for_others_only(
    run_program: Run, configure: Configure, gateways: list[dict[str, Any]]
) -> None:
    """Or none; an app stack on it is told what is missing."""
    engine = run_program(mode="platform", gateways=json.dumps(gateways))

    contract = engine.outputs["platformContract"]
    assert "gateway" not in contract
    message = refusal(configure, {"base": {OUTPUT: contract}}, mode="app", platformStack="base")
    assert "platformStack: is a platform without an ingress gateway for HTTP or HTTPS" in message


def refusal(configure: Configure, stacks: dict[str, Any] | None = None, **overrides: str) -> str:
    """Return the message that a config is refused with, beside other stacks."""
    configure(**overrides)
    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings(lambda name: (stacks or {})[name])
    return str(caught.value)


def test_each_setting_is_some_modes() -> None:
    """A new setting is put into the table, or no stack could set it."""
    assert {f"mesh:{key}" for key in FACTS} == set(defaults())


@pytest.mark.parametrize("key", sorted(k for k, facts in FACTS.items() if "app" not in facts.modes))
def test_what_the_platform_decides_is_refused_in_an_app(configure: Configure, key: str) -> None:
    """Else a developer would wait for what never comes; a default is no decision."""
    declared = project.read(PROJECT)["config"][key]
    other = {
        "boolean": "true",
        "array": json.dumps([{}] if key == "gateways" else ["kiali"]),
        "object": json.dumps({"istiod": {}} if key == "values" else OBJECTS.get(key, {"a": "b"})),
        "string": STRINGS.get(key, "1.29.3"),
    }[declared["type"]]

    config = {"mode": "app", "platformStack": "base", "concealed": "cacerts", key: other}
    message = refusal(configure, None, **config)

    rule = "is for mesh:mode platform or standalone, and this stack's is app"
    assert f"mesh:{key}: {rule}" in message
    assert PEM not in message


STRINGS = {
    "releaseDir": "/a",
    "istioNamespace": "mesh",
    "routingApi": "gateway-api",
    "gatewayApiCrds": "cluster",
    "profile": "demo",
    "platform": "gke",
    "hub": "registry.example.com",
    "imagePullPolicy": "Always",
    "mtls": "strict",
    "outboundTrafficPolicy": "ALLOW_ANY",
    "tracingSampling": "5",
    "nodeAgentsNamespace": "agents",
    "revision": "blue",
    "gatewayRevision": "blue",
    "clusterName": "east",
}
PEM = "-----BEGIN X"
OBJECTS: dict[str, Any] = {
    "clusterAccess": {"tokens": ["a"]},
    "remoteControlPlane": {"cluster": "west", "stack": "west"},
    "remoteKubeconfigs": {"west": kubeconfig()},
    "meshNamespaces": {"a": {}},
    "gatewayCertificates": {"a": {"tls.crt": PEM, "tls.key": PEM}},
    "cacerts": dict.fromkeys(("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"), PEM),
    "mtlsByNamespace": {"shop": "strict"},
    "canary": {"revision": "blue", "istioVersion": "1.30.3"},
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "platform", "bookinfoReplicas": "2"},
        {"mode": "platform", "denyByDefault": "true"},
        {"mode": "platform", "platformStack": "base"},
        {"platformStack": "base"},
    ],
)
def test_what_an_app_decides_is_refused_elsewhere(
    configure: Configure, wrong: dict[str, str]
) -> None:
    """A platform has no Bookinfo, and only an app stands on another stack."""
    key = list(wrong)[-1]
    modes = "app" if key == "platformStack" else "app or standalone"

    message = refusal(configure, None, **wrong)

    assert f"mesh:{key}: is for mesh:mode {modes}, and this stack's is " in message


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({}, "mesh:platformStack: must be set with mesh:mode app"),
        (
            {"platformStack": "base", "platformContract": "CONTRACT"},
            "mesh:platformStack: can't be set together with mesh:platformContract",
        ),
        ({"platformStack": "base", "injection": "manual"}, "mesh:injection: can't be manual"),
        (
            {"platformStack": "base", "injection": "ambient"},
            "mesh:injection: can be ambient only on a platform in ambient mode",
        ),
        ({"platformStack": "base", "bookinfoRevision": "old"}, "the tags are stable"),
        ({"platformContract": '{"contract": 1}'}, "mesh:platformContract.revision: must be set"),
    ],
)
def test_the_way_to_the_platform_is_checked(
    configure: Configure, contract: dict[str, Any], wrong: dict[str, str], rule: str
) -> None:
    """One way, and nothing on it that the platform can't do."""
    given = {key: json.dumps(contract) if v == "CONTRACT" else v for key, v in wrong.items()}

    assert rule in refusal(configure, {"base": {OUTPUT: contract}}, mode="app", **given)


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ({}, "platformStack base has nothing deployed; deploy it first: pulumi up --stack base"),
        ({"context": "c"}, "platformStack base is no platform, its outputs are context"),
        ({OUTPUT: {"contract": 2.0}}, "another version of this program: its contract is 2.0"),
        (
            {OUTPUT: {"contract": 1.0}},
            "output platformContract differs in istioNamespace, revision,",
        ),
        (None, "platformStack base can't be read: 'base'; deploy it first"),
    ],
)
def test_a_platform_that_is_none_is_one_error(
    configure: Configure, outputs: dict[str, Any] | None, reason: str
) -> None:
    """What was found, and what helps."""
    stacks = {} if outputs is None else {"base": outputs}

    message = refusal(configure, stacks, mode="app", platformStack="base")

    assert reason in message
    assert "\n" not in message


def test_another_contract_by_config_is_refused(
    configure: Configure, contract: dict[str, Any]
) -> None:
    """It was copied from a platform that another version of the program brought up."""
    other = json.dumps({**contract, "contract": CONTRACT + 1})

    message = refusal(configure, mode="app", platformContract=other)

    assert "platformContract of this stack's config is of another version" in message


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the warnings that the program gives."""
    lines: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", lines.append)
    return lines


@pytest.fixture
def app_config(
    configure: Configure, contract: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Configure:
    """Set the config of an app stack of any name."""

    def configure_app(stack: str, **overrides: str) -> None:
        configure(mode="app", platformContract=json.dumps(contract), **overrides)
        monkeypatch.setattr("pulumi.get_stack", lambda: stack)

    return configure_app


@pytest.mark.parametrize(
    ("stack", "fitted", "host"),
    [
        ("alice", "alice", "bookinfo.alice.localhost"),
        ("Alice_B", "alice-b", "bookinfo.alice-b.localhost"),
        ("v1.2", "v1-2", "bookinfo.v1.2.localhost"),
        ("-pr-", "pr", "bookinfo.pr.localhost"),
        ("a" * 53 + "_" + "b" * 20, "a" * 53, f"bookinfo.{'a' * 53}.localhost"),
    ],
)
def test_names_come_from_the_stacks(
    app_config: Configure, said: list[str], stack: str, fitted: str, host: str
) -> None:
    """Made fit for Kubernetes, and the stack says so when they had to be changed."""
    app_config(stack)

    made, _ = config.read()

    assert (made.bookinfo_namespace, made.bookinfo_host) == (f"bookinfo-{fitted}", host)
    assert bool(said) is (stack != "alice")
    for line in said:
        assert line.startswith(
            f"the stack's name, {stack}, isn't a valid name in Kubernetes: using "
        )
        assert f"bookinfo-{fitted}" in line


def test_a_name_of_ones_own_is_left_alone(app_config: Configure, said: list[str]) -> None:
    """Nothing is made, and nothing said."""
    app_config("_", bookinfoNamespace="books", bookinfoHost="books.example.com")

    made, _ = config.read()

    assert made.namespaces == ("books",)
    assert said == []


def test_a_standalone_stacks_namespace_is_bookinfo(configure: Configure) -> None:
    """Whatever its name: it has the cluster for itself."""
    configure()

    assert config.read_settings().namespaces == ("istio-system", "bookinfo")


@pytest.mark.parametrize(
    ("last", "config_of_it", "moved"),
    [
        ("bookinfo-alice", {}, ["bookinfoNamespace", "bookinfoHost"]),
        ("bookinfo-alice", {"bookinfoNamespace": "bookinfo-alice"}, ["bookinfoHost"]),
        ("bookinfo-bob", {"bookinfoHost": "b.example.com"}, []),
        ("bookinfo-alice", {"bookinfoNamespace": "b", "bookinfoHost": "b.example.com"}, []),
        ("", {}, []),
    ],
)
def test_a_renamed_stack_is_told_before_it_moves(
    app_config: Configure, last: str, config_of_it: dict[str, str], moved: list[str]
) -> None:
    """Its names are made from its own; who sets a name wants to move (pulumi#7421)."""
    host = last.replace("bookinfo-", "bookinfo.") + ".localhost"
    outputs = {"bookinfoNamespace": last, "bookinfoUrl": f"http://{host}/productpage"}
    app_config("bob", **config_of_it)

    try:
        config.read(lambda name: {"bob": outputs if last else {}}[name])
        message = ""
    except pulumi.RunError as error:
        message = str(error)

    assert [key for key in ("bookinfoNamespace", "bookinfoHost") if f"mesh:{key}: " in message] == (
        moved
    )
    for key in moved:
        assert f"pulumi config set {key} bookinfo" in message
    if "bookinfoNamespace" in moved:
        assert "namespace bookinfo-alice mesh.pulumi.com/stack=mesh/bob" in message
