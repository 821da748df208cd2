"""One cluster of several: what its settings need, and which others can't be of its mesh."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest

from mesh.settings.cluster_contract import OUTPUT
from mesh.validation import config, remote_clusters
from tests.fakes.clusters import CONTRACT, kubeconfig
from tests.fakes.engine import CONTRACT as PLATFORM_CONTRACT
from traffic.certificates import Pair, authority, make

Configure = Callable[..., None]
NAMED = {"meshId": "shop", "clusterName": "east"}
SERVED = {**NAMED, "mode": "platform", "remoteControlPlane": {"cluster": "west", "stack": "w"}}
EAST_WEST = json.dumps([{}, {"direction": "east-west"}])
REMOTE = json.dumps({"west": "org/mesh/west"})
ROOT = make("root.test").certificate
OTHER_ROOT = make("other.test").certificate


def refusal(configure: Configure, **overrides: str) -> str:
    """Return the message that a config is refused with."""
    configure(concealed="remoteKubeconfigs cacerts", **overrides)
    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()
    return str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"clusterName": "East"}, "clusterName: the name of a cluster or a token is 1 to 63"),
        ({"clusterName": "a" * 64}, "clusterName: the name of a cluster or a token is 1 to 63"),
        ({"meshId": "my mesh"}, "meshId: must be up to 63 letters"),
        ({"network": "-west"}, "network: must be up to 63 letters"),
        ({"clusterAccess": {"tokens": []}}, "clusterAccess.tokens: must not be empty"),
        ({"clusterAccess": {"server": "https://a"}}, "clusterAccess.tokens: must be set"),
        ({"clusterAccess": {"tokens": ["A"]}}, "clusterAccess.tokens[0]: the name of a cluster or"),
        ({"clusterAccess": {"tokens": ["a", "a"]}}, "clusterAccess.tokens: must hold each name"),
        (
            {"clusterAccess": {"tokens": ["a"], "server": "192.0.2.1:6443"}},
            "clusterAccess.server: must be the address of an API server, such as https://",
        ),
        (
            {"clusterAccess": {"tokens": ["a"], "server": "http://192.0.2.1"}},
            "clusterAccess.server: must be the address of an API server, such as https://",
        ),
        (
            {"clusterAccess": {"tokens": ["a"], "token": "b"}},
            "no such setting, did you mean tokens",
        ),
        ({"remoteClusters": {"West": "west"}}, "remoteClusters.West: the name of a cluster"),
        ({"remoteClusters": {"west": "a/b/c/d"}}, "remoteClusters.west: must be a stack's name"),
        ({"clusterAccess": {"tokens": ["a"]}}, "clusterAccess: needs mesh:meshId"),
        ({"remoteClusters": {"west": "west"}}, "remoteClusters: needs mesh:clusterName"),
        (
            {**NAMED, "injection": "ambient", "remoteClusters": {"west": "west"}},
            "remoteClusters: needs sidecars",
        ),
        (
            {**NAMED, "remoteClusters": {"east": "other"}},
            "remoteClusters.east: is this cluster itself (mesh:clusterName)",
        ),
        (
            {**NAMED, "remoteClusters": {"west": "w", "north": "w"}},
            "remoteClusters.north: is the stack of cluster west too",
        ),
        (
            {"meshId": "a", "values": {"istiod": {"global": {"meshID": "b"}}}},
            "meshId: is also set in mesh:values.istiod.global.meshID",
        ),
        (
            {
                "clusterName": "a",
                "values": {"istiod": {"global": {"multiCluster": {"clusterName": "b"}}}},
            },
            "clusterName: is also set in mesh:values.istiod.global.multiCluster.clusterName",
        ),
        (
            {"meshId": "a", "meshConfig": {"defaultConfig": {"meshId": "b"}}},
            "meshId: is also set in mesh:meshConfig.defaultConfig.meshId",
        ),
        (
            {"network": "a", "namespaceLabels": {"topology.istio.io/network": "b"}},
            "is set by mesh:network, in Istio's namespace only",
        ),
        (
            {
                **NAMED,
                "clusterAccess": {"tokens": ["a"]},
                "values": {"base": {"global": {"enableReaderRBAC": False}}},
            },
            "clusterAccess: needs the account istio-reader-service-account",
        ),
        ({"gateways": EAST_WEST}, "gateways[1].direction: needs mesh:network"),
        ({**NAMED, "externalIstiod": "true"}, "externalIstiod: needs a gateway by which other"),
        ({"remoteControlPlane": {"stack": "w"}}, "remoteControlPlane.cluster: must be set"),
        (
            {"remoteControlPlane": {"cluster": "west", "address": "https://a"}},
            "remoteControlPlane.address: must be an IP address, or a host name in lower case",
        ),
        ({**SERVED, "remoteControlPlane": {"cluster": "west"}}, "must have either stack or addr"),
        (
            {**SERVED, "remoteControlPlane": {"cluster": "east", "stack": "w"}},
            "remoteControlPlane.cluster: is this cluster itself (mesh:clusterName)",
        ),
        ({**SERVED, "mode": "standalone"}, "remoteControlPlane: needs mesh:mode platform"),
        ({**SERVED, "profile": "demo"}, "remoteControlPlane: decides the profile, remote"),
        ({**SERVED, "injection": "ambient"}, "remoteControlPlane: needs sidecars"),
        ({**SERVED, "mtls": "strict"}, "mtls: has no effect with mesh:remoteControlPlane: set it"),
        (
            {**SERVED, "remoteClusters": {"north": "n"}},
            "remoteClusters: has no effect with mesh:remoteControlPlane: set it in the stack of w",
        ),
        (
            {"network": "a", "gateways": EAST_WEST, "routingApi": "gateway-api"},
            "gateways[1].direction: needs routingApi istio",
        ),
        (
            {"network": "a", "gateways": EAST_WEST, "injection": "ambient"},
            "gateways[1].direction: is for sidecars",
        ),
        (
            {"network": "a", "gateways": EAST_WEST, "meshConfig": {"enableAutoMtls": False}},
            "gateways[1].direction: needs mesh:meshConfig.enableAutoMtls",
        ),
        (
            {
                "network": "a",
                "gateways": [
                    {},
                    {"direction": "east-west", "ports": [{"name": "tls", "port": 15443}]},
                ],
            },
            "gateways[1].ports: can't be set with direction east-west",
        ),
        (
            {
                "network": "a",
                "gateways": [{}, {"direction": "east-west", "values": {"networkGateway": "b"}}],
            },
            "gateways[1].values.networkGateway: is set by mesh:network",
        ),
    ],
)
def test_what_a_cluster_needs_is_said(
    configure: Configure, wrong: dict[str, Any], rule: str
) -> None:
    """By the setting's name, before anything is rendered."""
    given = {key: v if isinstance(v, str) else json.dumps(v) for key, v in wrong.items()}

    assert rule in refusal(configure, **given)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "must be a kubeconfig's text, and lacks the current-context"),
        ("a-token", "must be a kubeconfig's text, and lacks the current-context"),
        (kubeconfig(users=[]), "must be a kubeconfig's text, and lacks the user of its current"),
        (kubeconfig(clusters=[]), "must be a kubeconfig's text, and lacks the cluster of its"),
        (kubeconfig(user={"exec": {"command": "aws"}}), "has a user with exec, which istiod"),
        (kubeconfig(user={"auth-provider": {"name": "gcp"}}), "has a user with auth-provider"),
        (kubeconfig(user={"client-key": "/k"}), "names files of this machine, client-key,"),
        (
            kubeconfig(server={"certificate-authority": "/ca"}),
            "names files of this machine, certificate-",
        ),
        (kubeconfig(server={"server": "http://a"}), "must be the address of an API server"),
        (kubeconfig(user={}), "has a user without a token, and without a certificate"),
    ],
)
def test_a_kubeconfig_that_istiod_refuses_is_refused(
    configure: Configure, text: str, rule: str
) -> None:
    """Otherwise only istiod's log would tell; and nothing of the text is shown."""
    given = json.dumps({"west": text})

    message = refusal(configure, **NAMED, remoteKubeconfigs=given)

    assert f"mesh:remoteKubeconfigs.west: {rule}" in message
    assert "got a secret" in message
    assert "a-token" not in message


def test_a_kubeconfig_is_a_secret(configure: Configure) -> None:
    """Its token could be read in the stack's file."""
    configure(**NAMED, remoteKubeconfigs=json.dumps({"west": kubeconfig()}))

    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()

    assert "mesh:remoteKubeconfigs: must be set with --secret" in str(caught.value)


def test_a_cluster_has_one_kubeconfig(configure: Configure) -> None:
    """Of two Secrets with one cluster istiod takes either."""
    given = json.dumps({"west": kubeconfig()})

    message = refusal(configure, **NAMED, remoteClusters=REMOTE, remoteKubeconfigs=given)

    assert "remoteKubeconfigs.west: is also in mesh:remoteClusters" in message


def intermediates(count: int, root: Pair) -> dict[str, str]:
    """Return a cluster's CA below a root, with other CAs in between."""
    own, chain = root, ""
    for number in range(count):
        own = make(by=own, name=f"{number}", is_ca=True)
        chain = own.certificate + chain
    return {"ca-cert.pem": own.certificate, "ca-key.pem": own.key, "cert-chain.pem": chain}


@pytest.mark.parametrize("count", [1, 2])
def test_an_intermediate_leads_to_the_root(configure: Configure, count: int) -> None:
    """Else the roots are the same, and the proxies refuse each other all the same."""
    root, other = authority("root"), authority("other")
    files = intermediates(count, root)

    given = json.dumps({**files, "root-cert.pem": other.certificate + root.certificate})
    configure(concealed="cacerts", **NAMED, cacerts=given)
    assert config.read_settings().cacerts

    wrong = json.dumps({**files, "root-cert.pem": other.certificate})
    message = refusal(configure, **NAMED, cacerts=wrong)
    assert "ca-cert.pem" in message
    assert "isn't signed by a certificate in root-cert.pem, by way of cert-chain.pem" in message


def find(
    configure: Configure, outputs: Mapping[str, Any] | None, **overrides: str
) -> list[remote_clusters.RemoteCluster]:
    """Find the other clusters of a stack; None for a stack that can't be read."""
    given = {**NAMED, "remoteClusters": REMOTE, **overrides}
    configure(concealed="cacerts remoteKubeconfigs", **given)
    stacks = {} if outputs is None else {"org/mesh/west": outputs}
    return remote_clusters.find(config.read_settings(), lambda name: stacks[name])


def contract(**differs: Any) -> dict[str, Any]:
    """Return the outputs of a stack whose contract differs; None takes a field out."""
    changed = {**CONTRACT, "rootCertificates": [fingerprint(ROOT)], **differs}
    return {OUTPUT: {key: value for key, value in changed.items() if value is not None}}


def fingerprint(pem: str) -> str:
    """Return a certificate's fingerprint."""
    return remote_clusters.fingerprints(pem)[0]


def cacerts(root: str) -> str:
    """Return the setting of a stack with a root."""
    files = dict.fromkeys(("ca-cert.pem", "ca-key.pem", "cert-chain.pem"), root)
    return json.dumps({**files, "root-cert.pem": root})


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        (None, "is a stack that can't be read: 'org/mesh/west'; deploy it first"),
        ({}, "is a stack that has nothing deployed; deploy it first, without its own"),
        ({"context": "c"}, "is a stack without a cluster's name"),
        ({OUTPUT: {"contract": 2.0}}, "is of another version of this program: its contract is 2.0"),
        ({OUTPUT: {"contract": 1.0}}, "has an output clusterContract that differs in clusterName,"),
        (contract(clusterName="east"), "is a cluster of this one's name, east, and istiod ignores"),
        (contract(clusterName="north"), "has another name: that stack's clusterName is north"),
        (contract(meshId="other"), "is of another mesh, other: set the same meshId"),
        (contract(meshId=None), "is of another mesh, without a meshId"),
        (contract(istioNamespace="mesh"), "has its istiod in namespace mesh, and must have"),
        (contract(rootCertificates=[]), "has the root certificate none, this stack has"),
        (contract(rootCertificates=["f" * 64]), "has the root certificate ffffffffffff, this"),
        (contract(access=None), "is a cluster that has no clusterAccess for others: pulumi"),
        (contract(controlPlane="east"), "is a cluster that this one's istiod is to serve: pulumi"),
        (contract(network="a"), "is in network a, this one in none: set network in all clusters"),
    ],
)
def test_a_cluster_of_no_mesh_is_refused(
    configure: Configure, outputs: Mapping[str, Any] | None, reason: str
) -> None:
    """With its name, its stack and the remedy, in a message without its token."""
    with pytest.raises(pulumi.RunError) as caught:
        find(configure, outputs, cacerts=cacerts(ROOT))

    assert f"mesh:remoteClusters.west: {reason}" in str(caught.value)
    assert "got 'org/mesh/west'" in str(caught.value)
    assert "a-token" not in str(caught.value)


@pytest.mark.parametrize(
    ("stack", "network", "has_gateway", "reason"),
    [
        ({"network": "b", "gateways": EAST_WEST}, "a", False, "and has no gateway for requests"),
        ({"network": "b"}, "a", True, "and this stack has no gateway for requests from there"),
        ({"network": "b"}, None, True, "is in network none, this one in b"),
    ],
)
def test_networks_need_gateways(
    configure: Configure,
    stack: dict[str, str],
    network: str | None,
    has_gateway: bool,
    reason: str,
) -> None:
    """On both sides; else istiod keeps the other's endpoints to itself."""
    outputs = contract(network=network, hasEastWestGateway=has_gateway)

    with pytest.raises(pulumi.RunError) as caught:
        find(configure, outputs, cacerts=cacerts(ROOT), **stack)

    assert reason in str(caught.value)


def test_istiods_with_roots_of_their_own_are_refused(configure: Configure) -> None:
    """Two roots: no proxy would trust one of the other cluster. A CA outside makes the roots."""
    with pytest.raises(pulumi.RunError, match="signs with a root of its own, as this one's does"):
        find(configure, contract(rootCertificates=[]))

    outside = json.dumps({"istiod": {"global": {"caAddress": "ca.example.com:443"}}})
    assert find(configure, contract(rootCertificates=[]), values=outside)


def test_a_root_is_replaced_step_by_step(configure: Configure) -> None:
    """While one cluster trusts both roots and the other one of them, they stay in one mesh."""
    assert find(configure, contract(), cacerts=cacerts(OTHER_ROOT + ROOT))


def test_istiod_gets_a_kubeconfig(configure: Configure) -> None:
    """Of the contract, or as it was given; and a representation shows none of it."""
    own = kubeconfig()

    given, west = find(
        configure,
        contract(),
        cacerts=cacerts(ROOT),
        remoteKubeconfigs=json.dumps({"north": own}),
    )

    assert (given.name, given.kubeconfig) == ("north", own)
    made = json.loads(west.kubeconfig)
    assert made["users"] == [{"name": "west", "user": {"token": "a-token"}}]
    assert made["clusters"][0]["cluster"]["server"] == "https://west.example.com:6443"
    assert made["current-context"] == "west"
    assert "a-token" not in repr(west)


def serving(configure: Configure, outputs: Mapping[str, Any]) -> Any:
    """Find the control plane of a cluster that another one's istiod serves."""
    configure(**{key: v if isinstance(v, str) else json.dumps(v) for key, v in SERVED.items()})
    found = remote_clusters.find_control_plane(config.read_settings(), lambda _: outputs)
    return found.remote_control_plane


def test_the_control_plane_says_its_address(configure: Configure) -> None:
    """The values of the chart need it before the first resource."""
    found = serving(configure, contract(istiodAddress="192.0.2.10"))

    assert found.address == "192.0.2.10"


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ({}, "is a stack that has nothing deployed"),
        (
            contract(),
            "is a cluster whose istiod serves no others: pulumi config set externalIstiod",
        ),
        (contract(clusterName="north"), "has another name: that stack's clusterName is north"),
        (contract(meshId="other"), "is of another mesh, other"),
        (contract(istioNamespace="mesh"), "has its istiod in namespace mesh: set istioNamespace"),
    ],
)
def test_a_control_plane_that_serves_no_others_is_refused(
    configure: Configure, outputs: Mapping[str, Any], reason: str
) -> None:
    """With the command for its stack."""
    with pytest.raises(pulumi.RunError) as caught:
        serving(configure, outputs)

    assert f"mesh:remoteControlPlane.stack: {reason}" in str(caught.value)


def test_a_cluster_without_an_istiod_has_no_root(configure: Configure) -> None:
    """Nor a gateway, at first: both come with the istiod that serves it."""
    outputs = contract(rootCertificates=[], controlPlane="north", network="a")
    stack = {"network": "b", "gateways": EAST_WEST}

    assert find(configure, outputs, cacerts=cacerts(ROOT), **stack)


def test_a_render_needs_the_control_planes_address(configure: Configure) -> None:
    """It can't ask a backend, and the chart's objects depend on it."""
    configure(**{key: v if isinstance(v, str) else json.dumps(v) for key, v in SERVED.items()})

    with pytest.raises(pulumi.RunError, match=r"set remoteControlPlane\.address instead"):
        remote_clusters.named(config.read_settings())


def test_an_app_needs_a_platform_with_an_istiod(configure: Configure) -> None:
    """Its routes and policies would be objects that nobody reads."""
    contract = {**PLATFORM_CONTRACT, "controlPlane": "east"}
    configure(mode="app", platformContract=json.dumps(contract))

    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()

    message = "mesh:platformContract: is a platform without an istiod of its own"
    assert message in str(caught.value)
    assert "use the platform of cluster east" in str(caught.value)
