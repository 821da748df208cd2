"""What a preview refuses before anything changes, asked of a small HTTP server."""

import json
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pulumi
import pytest
import yaml

from mesh import preflight, settings
from mesh.cluster import Cluster
from mesh.gateway_api_bundle import CHANNEL, KNOWN_BY, VERSION, Bundle
from mesh.ownership import ANNOTATION

Kubeconfig = Callable[[str], Cluster]
NAMESPACES = ("istio-system", "bookinfo")
BUNDLE = Bundle(version="1.5.1", checksum="")
OURS = {ANNOTATION: "mesh/test"}


@pytest.fixture(autouse=True)
def stack(configure: Callable[..., None]) -> None:
    """Run as stack mesh/test, with nothing but defaults."""
    configure()


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Kubeconfig:
    """Write a kubeconfig whose context `test` leads to a server."""

    def write(server: str) -> Cluster:
        file = tmp_path / "kubeconfig"
        content = {
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "contexts": [{"name": "test", "context": {"cluster": "c"}}],
        }
        file.write_text(yaml.safe_dump(content))
        return Cluster(kubeconfig=file, context="test")

    return write


class FakeAPIServer(ThreadingHTTPServer):
    """Serves lists of objects by path; a test appends to them."""

    def __init__(self) -> None:
        """Serve an empty cluster, on a free port of loopback."""
        self.status = 200
        self.namespaces: list[dict[str, Any]] = []
        self.deployments: list[dict[str, Any]] = []
        self.injectors: list[dict[str, Any]] = []
        self.gateway_api: dict[str, Any] | None = None
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.server_port}"

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return what lies under a path and its label selector."""
        return {
            "/api/v1/namespaces": self.namespaces,
            "/api/v1/namespaces?labelSelector=istio-injection%3Ddisabled": [
                namespace
                for namespace in self.namespaces
                if namespace["metadata"]["labels"].get("istio-injection") == "disabled"
            ],
            "/apis/apps/v1/deployments?labelSelector=app%3Distiod": self.deployments,
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
            "?labelSelector=app%3Dsidecar-injector": self.injectors,
        }[path]


class Answer(BaseHTTPRequestHandler):
    """Answers a GET with a list, or with the status a test set."""

    def do_GET(self) -> None:
        """Answer as an API server does."""
        server = cast("FakeAPIServer", self.server)
        status = server.status
        if self.path == f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{KNOWN_BY}":
            status = 200 if server.gateway_api else 404
            body = server.gateway_api or {"kind": "Status", "message": "none", "code": status}
        else:
            body = {"metadata": {}, "items": server.items(self.path)}
        if server.status != 200:
            body = {"kind": "Status", "message": "not for you", "code": status}
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def api() -> Iterator[FakeAPIServer]:
    """Run a server with an empty cluster."""
    with FakeAPIServer() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def namespace(name: str, **annotations: str) -> dict[str, Any]:
    """Return a namespace that kubectl made, with annotations."""
    managed = [{"manager": "kubectl-create"}]
    metadata = {"name": name, "annotations": annotations, "labels": {}, "managedFields": managed}
    return {"metadata": metadata}


def istiod(in_namespace: str) -> dict[str, Any]:
    """Return istiod's Deployment as helm made it."""
    managers = [
        {"manager": "helm", "operation": "Apply"},
        {"manager": "kube-controller-manager", "subresource": "status"},
    ]
    return {
        "metadata": {"name": "istiod", "namespace": in_namespace, "managedFields": managers},
        "spec": {"selector": {}, "template": {}},
    }


def injector(in_namespace: str) -> dict[str, Any]:
    """Return istiod's injector as istioctl made it."""
    service = {"name": "istiod", "namespace": in_namespace}
    webhook = {
        "name": "i",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"service": service},
    }
    metadata = {"name": "istio-sidecar-injector", "managedFields": [{"manager": "istioctl"}]}
    return {"metadata": metadata, "webhooks": [webhook]}


def gateway_api(version: str, channel: str = "standard") -> dict[str, Any]:
    """Return the CRD that a bundle of the Gateway API is known by."""
    notes = {VERSION: version, CHANNEL: channel}
    spec = {"group": "g", "names": {"kind": "k", "plural": "p"}, "scope": "s", "versions": []}
    return {"metadata": {"name": KNOWN_BY, "annotations": notes}, "spec": spec}


def check(cluster: Cluster, bundle: Bundle | None = None) -> None:
    """Check a cluster for the stack as it is configured."""
    preflight.check(cluster, settings.read(), bundle)


def refusal(cluster: Cluster, bundle: Bundle | None = None) -> str:
    """Return the message that a cluster is refused with."""
    with pytest.raises(pulumi.RunError) as caught:
        check(cluster, bundle)
    return str(caught.value)


def test_an_empty_cluster_is_fine(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """And so are namespaces that are none of ours."""
    api.namespaces += [namespace("kube-system"), namespace("shop")]

    check(kubeconfig(api.url))


def test_our_own_mesh_is_fine(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """A second preview finds all that the first update made."""
    api.namespaces += [namespace("istio-system", **OURS), namespace("bookinfo", **OURS)]
    api.deployments.append(istiod("istio-system"))
    api.injectors.append(injector("istio-system"))

    check(kubeconfig(api.url))


def test_istio_by_another_hand_is_refused(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """Wherever it is, with who made it; and nothing was changed."""
    api.namespaces.append(namespace("mesh-of-others"))
    api.deployments.append(istiod("mesh-of-others"))
    api.injectors.append(injector("mesh-of-others"))

    message = refusal(kubeconfig(api.url))

    assert "Deployment istiod in namespace mesh-of-others, by helm\n" in message
    assert "MutatingWebhookConfiguration istio-sidecar-injector, by istioctl\n" in message
    assert "has things that stack mesh/test would overwrite and doesn't own" in message
    assert "nothing was changed" in message
    assert "kubectl annotate" not in message


def test_istio_of_another_stack_is_refused(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """With the stack's name, and what to do if it is this one under its old name."""
    api.namespaces.append(namespace("istio-system", **{ANNOTATION: "mesh/old"}))
    api.deployments.append(istiod("istio-system"))

    message = refusal(kubeconfig(api.url))

    assert "Deployment istiod in namespace istio-system, by helm, of stack mesh/old\n" in message
    assert f"kubectl annotate --overwrite namespace NAMESPACE {ANNOTATION}=mesh/test" in message


def test_an_injector_outside_the_cluster_is_refused(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """A remote istiod is reached by URL: no namespace of this cluster speaks for it."""
    remote = injector("istio-system")
    remote["webhooks"][0]["clientConfig"] = {"url": "https://istiod.example.com"}
    api.injectors.append(remote)

    assert "MutatingWebhookConfiguration istio-sidecar-injector" in refusal(kubeconfig(api.url))


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_namespace_by_another_hand_is_refused(
    api: FakeAPIServer, kubeconfig: Kubeconfig, name: str
) -> None:
    """The update would fail on it half-way: "already exists"."""
    api.namespaces.append(namespace(name))

    assert f"Namespace {name}, by kubectl-create\n" in refusal(kubeconfig(api.url))


def test_a_cluster_that_is_not_there_is_named(kubeconfig: Kubeconfig) -> None:
    """A closed port is told at once."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        message = refusal(kubeconfig(f"http://127.0.0.1:{closed.getsockname()[1]}"))

    assert "cluster of context 'test'" in message
    assert "doesn't answer" in message


def test_a_cluster_that_is_silent_is_given_up_on(
    kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that takes the call and says nothing costs the patience and no more."""
    monkeypatch.setattr(preflight, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        message = refusal(kubeconfig(f"http://127.0.0.1:{silent.getsockname()[1]}"))

    assert "doesn't answer" in message


def test_a_server_that_is_no_cluster_is_named(
    api: FakeAPIServer, kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any web server may listen at a wrong address."""
    monkeypatch.setattr(json, "dumps", lambda _: "<html>welcome</html>")

    assert "doesn't answer" in refusal(kubeconfig(api.url))


def test_a_cluster_that_refuses_says_why(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """Credentials that have run out are not an unreachable cluster."""
    api.status = 403

    assert "refuses the check: not for you" in refusal(kubeconfig(api.url))


def test_a_broken_context_is_named(tmp_path: Path) -> None:
    """A context may name a cluster that its file doesn't hold."""
    file = tmp_path / "kubeconfig"
    content = {"clusters": [], "contexts": [{"name": "test", "context": {"cluster": "gone"}}]}
    file.write_text(yaml.safe_dump(content))

    message = refusal(Cluster(kubeconfig=file, context="test"))

    assert "can't be used: the file lacks 'gone'" in message


def test_a_namespace_of_a_gateway_only_is_ours_too(
    api: FakeAPIServer, kubeconfig: Kubeconfig, configure: Callable[..., None]
) -> None:
    """It is made by the stack, so one by another hand would be overwritten."""
    configure(gateways=json.dumps([{"namespace": "edge"}]))
    api.namespaces.append(namespace("edge"))

    assert "Namespace edge, by kubectl-create\n" in refusal(kubeconfig(api.url))


def test_a_gateways_namespace_without_injection_is_refused(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """Its proxy's image is `auto` until the injector fills it in: the pod would never start."""
    for name in ("istio-system", "shop"):
        api.namespaces.append(namespace(name, **OURS))
        api.namespaces[-1]["metadata"]["labels"]["istio-injection"] = "disabled"

    message = refusal(kubeconfig(api.url))

    assert "Namespace istio-system is labelled istio-injection=disabled" in message
    assert "kubectl label namespace istio-system istio-injection-" in message
    assert "shop" not in message


@pytest.mark.parametrize("version", ["v1.4.1", "v1.5.1", "v1.5.1-rc.1", "unreadable"])
def test_an_older_gateway_api_is_taken_over(
    api: FakeAPIServer, kubeconfig: Kubeconfig, configure: Callable[..., None], version: str
) -> None:
    """Whoever brought it: what is newer serves all that the older did."""
    configure(routingApi="gateway-api")
    api.gateway_api = gateway_api(version)

    check(kubeconfig(api.url), BUNDLE)


@pytest.mark.parametrize(
    ("live", "why"),
    [
        (gateway_api("v1.6.0"), "is v1.6.0, newer than this stack's v1.5.1"),
        (gateway_api("v1.10.0"), "is v1.10.0, newer than this stack's v1.5.1"),
        (gateway_api("v1.4.1", "experimental"), "is of the experimental channel"),
    ],
)
def test_a_gateway_api_that_would_lose_something_is_refused(
    api: FakeAPIServer,
    kubeconfig: Kubeconfig,
    configure: Callable[..., None],
    live: dict[str, Any],
    why: str,
) -> None:
    """Others' routes may use what the stack's own bundle doesn't have; the way out is told."""
    configure(routingApi="gateway-api")
    api.gateway_api = live

    message = refusal(kubeconfig(api.url), BUNDLE)

    assert f"CRD {KNOWN_BY} {why}" in message
    assert "pulumi config set gatewayApiCrds cluster" in message
    assert "nothing was changed" in message


def test_a_gateway_api_of_the_clusters_must_be_there(
    api: FakeAPIServer, kubeconfig: Kubeconfig, configure: Callable[..., None]
) -> None:
    """Any will do; none is an error before istiod starts without it."""
    configure(routingApi="gateway-api", gatewayApiCrds="cluster")

    assert "pulumi config set gatewayApiCrds stack" in refusal(kubeconfig(api.url))

    api.gateway_api = gateway_api("v1.9.0", "experimental")
    check(kubeconfig(api.url))


def test_without_the_gateway_api_nobody_asks_for_it(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """A stack with Istio's own routes doesn't mind what the cluster has."""
    api.gateway_api = gateway_api("v9.0.0", "experimental")

    check(kubeconfig(api.url), BUNDLE)
