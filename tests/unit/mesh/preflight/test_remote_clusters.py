"""Other clusters of the mesh: their API servers are asked before anything changes."""

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest

from mesh.istio import remote_api_server
from mesh.istio.certificates import fingerprints
from mesh.istio.remote_clusters import RemoteCluster
from mesh.preflight import remote_clusters
from mesh.settings.cluster_contract import ClusterContract
from mesh.validation import config
from tests.fakes.api_server import Answer, Request, cluster_at, serving
from tests.fakes.clusters import CONTRACT, kubeconfig
from traffic.certificates import make

Configure = Callable[..., None]
NAMESPACE = "/api/v1/namespaces/istio-system"
ROOTS = f"{NAMESPACE}/configmaps/istio-ca-root-cert"
ROOT = make("root.test").certificate
SERVER = make("localhost")
STACK = {"meshId": "shop", "clusterName": "east"}


@dataclass
class West:
    """Another cluster's API server, and what it answers by path."""

    port: int = 0
    answers: dict[str, Answer] = field(
        default_factory=lambda: {NAMESPACE: (200, {"metadata": {"name": "istio-system"}})}
    )
    asked: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """Answer what is known, and remember who asked."""
        self.asked.append(request.headers.get("Authorization", ""))
        return self.answers.get(request.path, (404, {}))

    def remote(
        self, contract: dict[str, Any] | None = None, user: dict[str, str] | None = None
    ) -> RemoteCluster:
        """Return the cluster as istiod would find it: by its stack, or by a kubeconfig alone."""
        authority = base64.b64encode(SERVER.certificate.encode()).decode()
        server = {
            "server": f"https://localhost:{self.port}",
            "certificate-authority-data": authority,
        }
        return RemoteCluster(
            name="west",
            kubeconfig=kubeconfig(server=server, user=user),
            contract=ClusterContract.model_validate(contract) if contract else None,
        )


@pytest.fixture
def west() -> Iterator[West]:
    """Serve another cluster."""
    other = West()
    with serving(other.answer, SERVER) as url:
        other.port = int(url.rpartition(":")[2])
        yield other


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the warnings that the preview gives."""
    lines: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lines.append)
    return lines


@pytest.fixture
def check(configure: Configure, tmp_path: Path) -> Callable[..., str]:
    """Check a stack against its own cluster and a remote; return the refusal, empty for none."""

    def run(
        remote: RemoteCluster | None,
        secrets: Sequence[dict[str, Any]] = (),
        hooks: Sequence[dict[str, Any]] = (),
        **overrides: str,
    ) -> str:
        configure(concealed="cacerts", **STACK, **overrides)

        def own(request: Request) -> Answer:
            if "mutatingwebhook" in request.path:
                return 200, {
                    "items": [{"metadata": {"name": "i"}, "webhooks": list(hooks)}],
                    "metadata": {},
                }
            if "/secrets" in request.path:
                return 200, {"items": list(secrets), "metadata": {}}
            return 200, {"data": {"root-cert.pem": ROOT}, "metadata": {"name": "r"}}

        with serving(own) as url:
            try:
                cluster = cluster_at(url, tmp_path)
                remote_clusters.check(cluster, config.read_settings(), [remote] if remote else [])
            except pulumi.RunError as error:
                return str(error)
        return ""

    return run


def test_a_cluster_that_answers_is_fine(
    west: West, check: Callable[..., str], said: list[str]
) -> None:
    """With the token that istiod gets, and nothing is said."""
    assert check(west.remote(CONTRACT)) == ""
    assert said == []
    assert set(west.asked) == {"Bearer a-token"}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "refuses the token or certificate: it has ended, or was withdrawn"),
        (403, "doesn't let the user of the kubeconfig read namespace istio-system"),
    ],
)
def test_who_is_not_let_in_is_refused(
    west: West, check: Callable[..., str], status: int, reason: str
) -> None:
    """Istiod would only write it into its log."""
    west.answers[NAMESPACE] = (status, {})

    message = check(west.remote())

    assert f"cluster west: API server https://localhost:{west.port}: {reason}" in message
    assert "pulumi config set --secret --path remoteKubeconfigs.west" in message
    assert "a-token" not in message


def test_the_remedy_for_a_stack_is_its_update(west: West, check: Callable[..., str]) -> None:
    """A new token is in its outputs."""
    west.answers[NAMESPACE] = (401, {})

    message = check(west.remote(CONTRACT), remoteClusters='{"west": "org/mesh/west"}')

    assert "pulumi up --refresh --stack org/mesh/west, then pulumi up" in message


def test_a_token_that_ended_is_refused(west: West, check: Callable[..., str]) -> None:
    """By the time in it; its API server isn't asked."""
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_600_000_000}).encode()).decode()

    message = check(west.remote(user={"token": f"a.{claims.rstrip('=')}.b"}))

    assert "its token ended on 2020-09-13 12:26 UTC" in message
    assert west.asked == []


def test_a_certificate_that_ended_is_refused(west: West, check: Callable[..., str]) -> None:
    """As of an administrator's kubeconfig, which lasts a year."""
    ended = base64.b64encode(make("a", days=-2).certificate.encode()).decode()
    user = {"client-certificate-data": ended, "client-key-data": ""}

    assert "its client certificate ended on 20" in check(west.remote(user=user))


def test_another_ca_is_refused(west: West, check: Callable[..., str]) -> None:
    """The kubeconfig is of a cluster that was made anew, at the same address."""
    wrong = base64.b64encode(make("localhost").certificate.encode()).decode()
    text = west.remote().kubeconfig.replace(
        base64.b64encode(SERVER.certificate.encode()).decode(), wrong
    )

    message = check(RemoteCluster(name="west", kubeconfig=text))

    assert "has a certificate that the kubeconfig's CA didn't sign" in message


def test_an_api_server_that_is_not_reached_is_a_warning(
    check: Callable[..., str], said: list[str]
) -> None:
    """It may be private, and open to istiod; the update isn't kept from happening."""
    text = kubeconfig(server={"server": "https://localhost:1", "insecure-skip-tls-verify": True})

    assert check(RemoteCluster(name="west", kubeconfig=text)) == ""

    (warning,) = said
    assert "cluster west: API server https://localhost:1 can't be reached from here" in warning


def test_a_silent_api_server_is_not_waited_for(
    west: West, check: Callable[..., str], said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preview goes on, and says which one it is."""
    monkeypatch.setattr(remote_api_server, "PATIENCE", 0.1)
    answer = west.answer

    def late(request: Request) -> Answer:
        time.sleep(0.5)
        return answer(request)

    monkeypatch.setattr(west, "answer", late)
    with serving(late, SERVER) as url:
        west.port = int(url.rpartition(":")[2])
        assert check(west.remote()) == ""

    assert "can't be reached from here: " in said[0]


def test_a_cluster_without_istio_is_a_warning(
    west: West, check: Callable[..., str], said: list[str]
) -> None:
    """Its own stack may come up later."""
    del west.answers[NAMESPACE]

    assert check(west.remote()) == ""
    assert "has no namespace istio-system: deploy its Istio" in said[0]


@pytest.mark.parametrize(
    ("network", "stack", "reason"),
    [
        ("a", {}, "it is in network a, this one in none"),
        (None, {"network": "b"}, "it is in network none, this one in b"),
        (
            "a",
            {"network": "b"},
            "it is in another network, a, and this stack has no gateway for requests from there",
        ),
    ],
)
def test_networks_are_compared_in_the_clusters(
    west: West, check: Callable[..., str], network: str | None, stack: dict[str, str], reason: str
) -> None:
    """Where no stack has the other cluster, and no contract says its network."""
    labels = {"topology.istio.io/network": network} if network else {}
    west.answers[NAMESPACE] = (200, {"metadata": {"labels": labels}})

    assert f"cluster west: {reason}" in check(west.remote(), **stack)


def test_roots_are_compared_in_the_clusters(west: West, check: Callable[..., str]) -> None:
    """Where no stack has the other cluster: a proxy of one wouldn't trust one of the other."""
    other = make("other.test").certificate
    west.answers[ROOTS] = (200, {"data": {"root-cert.pem": other}})

    message = check(west.remote())

    assert "cluster west: it has the root certificate " + fingerprints(other)[0][:12] in message
    assert "and proxies would refuse each other" in message


def test_a_name_in_a_secret_of_others_is_refused(west: West, check: Callable[..., str]) -> None:
    """Of two clusters with one name istiod keeps the first that it sees."""
    other = {"metadata": {"name": "by-istioctl"}, "data": {"west": ""}}

    message = check(west.remote(), [other])

    assert "Secret by-istioctl in namespace istio-system, which the stack didn't make" in message
    assert "kubectl delete secret by-istioctl -n istio-system" in message


def test_the_stacks_own_secret_is_no_other(west: West, check: Callable[..., str]) -> None:
    """It is there at every update but the first."""
    own = {"metadata": {"name": "istio-remote-secret-west"}, "data": {"west": ""}}

    assert check(west.remote(), [own]) == ""


@pytest.mark.parametrize("aliases", [[], ["west.example.com"]])
def test_another_trust_domain_is_a_warning(
    west: West, check: Callable[..., str], said: list[str], aliases: list[str]
) -> None:
    """Unless the mesh config knows it: policies name callers by their trust domain."""
    contract = {**CONTRACT, "trustDomain": "west.example.com"}
    mesh_config = json.dumps({"trustDomainAliases": aliases})

    assert check(west.remote(contract), meshConfig=mesh_config) == ""

    assert bool(said) is not bool(aliases)


def test_roots_are_compared_with_the_stacks(west: West, check: Callable[..., str]) -> None:
    """With cacerts those count, which istiod will have; the cluster may have older ones."""
    new = make("new.test").certificate
    files = dict.fromkeys(("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"), new)
    west.answers[ROOTS] = (200, {"data": {"root-cert.pem": ROOT}})

    message = check(west.remote(), cacerts=json.dumps(files))

    assert f"this one {fingerprints(new)[0][:12]}" in message


@pytest.mark.parametrize("bundle", ["", "Q0E="])
def test_gateways_wait_for_the_istiod_of_another_cluster(
    check: Callable[..., str], bundle: str
) -> None:
    """It fills in the injector's caBundle once it knows the cluster; before, no proxy starts."""
    hook = {
        "name": "a.istio.io",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"caBundle": bundle},
    }
    served = json.dumps({"cluster": "west", "address": "192.0.2.10"})

    message = check(None, hooks=[hook], mode="platform", remoteControlPlane=served)

    assert ("the istiod of west doesn't serve it yet" in message) is not bool(bundle)
