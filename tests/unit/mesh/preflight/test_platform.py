"""What a preview refuses before anything changes, asked of a small HTTP server."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote_plus

import msgspec
import pulumi
import pytest
import yaml

from mesh.bookinfo.images import of_bookinfo
from mesh.bookinfo.services import SAMPLES
from mesh.istio import running_mesh
from mesh.istio.certificates import ROOTS, fingerprints
from mesh.istio.control_planes import ControlPlane, ControlPlanes
from mesh.istio.gateway_api_crds import CHANNEL, KNOWN_BY, VERSION, Bundle
from mesh.istio.release import Layout, Release, find
from mesh.kubernetes import client, ownership
from mesh.kubernetes.cluster import Cluster
from mesh.kubernetes.ownership import ANNOTATION
from mesh.preflight import existing_objects, platform
from mesh.preflight.existing_objects import Foreign
from mesh.settings.schema import Settings
from mesh.validation import config
from tests.fakes.api_server import Answer, Request, cluster_at, serving
from tests.fakes.engine import find_release

Kubeconfig = Callable[[str], Cluster]
NAMESPACES = ("istio-system", "bookinfo")
BUNDLE = Bundle(version="1.5.1", checksum="")
OURS = {ANNOTATION: "mesh/test"}
FIND = existing_objects.find
SETTINGS = Settings.defaults()


@pytest.fixture(autouse=True)
def stack(configure: Callable[..., None]) -> None:
    """Run as stack mesh/test, with nothing but defaults."""
    configure()


@pytest.fixture(autouse=True)
def lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for no lists of objects: two dozen requests, of which few tests want to know."""
    monkeypatch.setattr(existing_objects, "find", lambda *_, **__: Foreign({}))


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Kubeconfig:
    """Write a kubeconfig whose context `test` leads to a server."""
    return lambda url: cluster_at(url, tmp_path)


class FakeAPIServer:
    """Serves lists of objects by path; a test appends to them."""

    def __init__(self) -> None:
        """Start with an empty cluster."""
        self.url = ""
        self.status = 200
        self.namespaces: list[dict[str, Any]] = []
        self.deployments: list[dict[str, Any]] = []
        self.gateways: list[dict[str, Any]] = []
        self.injectors: list[dict[str, Any]] = []
        self.gateway_api: dict[str, Any] | None = None
        self.pods: list[dict[str, Any]] | None = None
        self.metadata: dict[str, list[dict[str, Any]]] = {}
        self.root: str | None = None
        self.version = "v1.36.3"
        self.webhooks = "v1"

    def answer(self, request: Request) -> Answer:
        """Answer with a list, or with the status a test set."""
        if self.status != 200:
            return self.status, {"kind": "Status", "message": "not for you", "code": self.status}
        root = {"metadata": {}, "data": {"root-cert.pem": self.root}} if self.root else None
        single = {
            f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{KNOWN_BY}": self.gateway_api,
            "/api/v1/namespaces/istio-system/configmaps/istio-ca-root-cert": root,
            "/version": {"gitVersion": self.version},
        }
        if request.path in single:
            found = single[request.path]
            return (200, found) if found else (404, {"kind": "Status", "code": 404})
        if "PartialObjectMetadataList" in request.headers["Accept"]:
            return 200, {"items": self.metadata.get(request.path, [])}
        return 200, {"metadata": {}, "items": self.items(request.path)}

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return what lies under a path and its label selector."""
        path = unquote_plus(path)
        if path == "/api/v1/pods":
            assert self.pods is not None, "a large cluster's pods are listed only where it matters"
            return self.pods
        return {
            "/api/v1/namespaces": self.namespaces,
            "/api/v1/namespaces?labelSelector=istio-injection=disabled": [
                namespace
                for namespace in self.namespaces
                if namespace["metadata"]["labels"].get("istio-injection") == "disabled"
            ],
            "/apis/apps/v1/deployments?labelSelector=app in (istio-pilot,istiod)": self.deployments,
            "/apis/apps/v1/deployments?labelSelector=istio": [*self.deployments, *self.gateways],
            f"/apis/admissionregistration.k8s.io/{self.webhooks}/mutatingwebhookconfigurations"
            "?labelSelector=app in (istio-sidecar-injector,sidecar-injector)": self.injectors,
        }[path]


@pytest.fixture
def api() -> Iterator[FakeAPIServer]:
    """Run a server with an empty cluster."""
    server = FakeAPIServer()
    with serving(server.answer) as server.url:
        yield server


def namespace(name: str, label: str = "", **annotations: str) -> dict[str, Any]:
    """Return a namespace that kubectl made, with a label such as istio.io/rev=stable."""
    managed = [{"manager": "kubectl-create"}]
    key, _, value = label.partition("=")
    labels = {key: value} if key else {}
    return {
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": annotations,
            "managedFields": managed,
        }
    }


def istiod(
    in_namespace: str, tag: str = "1.30.3", revision: str = "default", label: str = "1.0.0"
) -> dict[str, Any]:
    """Return istiod's Deployment as helm made it."""
    managers = [
        {"manager": "helm", "operation": "Apply"},
        {"manager": "kube-controller-manager", "subresource": "status"},
    ]
    suffix = "" if revision == "default" else f"-{revision}"
    containers = [
        {"name": "discovery", "image": f"registry.example:5000/istio/pilot{tag and ':'}{tag}"}
    ]
    return {
        "metadata": {
            "name": f"istiod{suffix}",
            "namespace": in_namespace,
            "labels": {"istio.io/rev": revision, "app.kubernetes.io/version": label},
            "managedFields": managers,
        },
        "spec": {"selector": {}, "template": {"spec": {"containers": containers}}},
    }


def deployment(name: str) -> dict[str, Any]:
    """Return one of the mesh's."""
    metadata = {"name": name, "namespace": "istio-system"}
    return {"metadata": metadata, "spec": {"selector": {}, "template": {}}}


def injector(in_namespace: str, **labels: str) -> dict[str, Any]:
    """Return istiod's injector as istioctl made it; labels are `rev` and `tag`."""
    service = {"name": "istiod", "namespace": in_namespace}
    webhook = {
        "name": "i",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"service": service},
    }
    metadata = {
        "name": "istio-sidecar-injector",
        "labels": {f"istio.io/{name}": value for name, value in labels.items()},
        "managedFields": [{"manager": "istioctl"}],
    }
    return {"metadata": metadata, "webhooks": [webhook]}


def pod(name: str, revision: str, phase: str = "Running") -> dict[str, Any]:
    """Return a pod of namespace shop, with the mark that a revision's injector leaves."""
    metadata = {"name": name, "namespace": "shop", "annotations": {"istio.io/rev": revision}}
    return {"metadata": metadata, "status": {"phase": phase}}


def gateway_api(version: str, channel: str = "standard") -> dict[str, Any]:
    """Return the CRD that a bundle of the Gateway API is known by."""
    notes = {VERSION: version, CHANNEL: channel}
    spec = {"group": "g", "names": {"kind": "k", "plural": "p"}, "scope": "s", "versions": []}
    return {"metadata": {"name": KNOWN_BY, "annotations": notes}, "spec": spec}


def plane(revision: str = "default", version: str = "1.30.3", *tags: str) -> ControlPlane:
    """Return a control plane that a stack wants."""
    layout = Layout(generation="istiod", crds=os.devnull, base="", istiod="", gateway="")
    release = Release(version=version, folder=Path(), layout=layout)
    return ControlPlane(release=release, revision=revision, tag=version, tags=tags)


def planes(own: ControlPlane | None = None, canary: ControlPlane | None = None) -> ControlPlanes:
    """Return the control planes that a stack wants; by default one, of 1.30.3."""
    return ControlPlanes(own=own or plane(), canary=canary)


def check(
    cluster: Cluster,
    bundle: Bundle | None = None,
    wanted: ControlPlanes | None = None,
    *,
    adopt: bool = False,
) -> dict[str, int]:
    """Check a cluster for the stack as it is configured."""
    settings = config.read_settings().model_copy(update={"adopt": adopt})
    running = running_mesh.look(cluster)
    platform.check(cluster, settings, wanted or planes(), bundle, running)
    return running.scaled_to_zero_of(settings) if running else {}


def refusal(
    cluster: Cluster,
    bundle: Bundle | None = None,
    wanted: ControlPlanes | None = None,
    *,
    adopt: bool = False,
) -> str:
    """Return the message that a cluster is refused with."""
    with pytest.raises(pulumi.RunError) as caught:
        check(cluster, bundle, wanted, adopt=adopt)
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
    assert "has objects that stack mesh/test would overwrite and doesn't own" in message
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
    monkeypatch.setattr(client, "PATIENCE", 0.1)
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

    assert "can't be used: the kubeconfig has no cluster 'gone'" in message


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


@pytest.mark.parametrize(
    ("version", "istio", "warned"),
    [
        ("v1.4.1", "1.30.3", True),
        ("v1.4.1", "1.29.3", False),
        ("v1.5.0", "1.30.3", False),
        ("unreadable", "1.30.3", False),
    ],
)
def test_a_gateway_api_that_an_istio_ignores_is_warned_of(
    api: FakeAPIServer,
    kubeconfig: Kubeconfig,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    istio: str,
    *,
    warned: bool,
) -> None:
    """Istio 1.30 drops the TLSRoutes of CRDs before 1.5 in silence."""
    api.gateway_api = gateway_api(version)
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)

    check(kubeconfig(api.url), wanted=planes(plane(version=istio)))

    assert any("Gateway API are 1.4.1, and Istio 1.30.3" in each for each in warnings) is warned


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


def ours(api: FakeAPIServer, *istiods: dict[str, Any]) -> None:
    """Put a mesh of the stack's own into the cluster."""
    api.namespaces += [namespace("istio-system", **OURS), namespace("bookinfo", **OURS)]
    api.deployments += istiods


@pytest.mark.parametrize("running", ["1.29.0", "1.29.7-distroless", "1.30.1", "1.30.9", "testing"])
def test_an_upgrade_by_one_minor_is_fine(
    api: FakeAPIServer, kubeconfig: Kubeconfig, running: str
) -> None:
    """And every patch within a minor, back too; and a tag that is no version isn't guessed at."""
    ours(api, istiod("istio-system", running))

    check(kubeconfig(api.url))


@pytest.mark.parametrize("name", ["istio-system", "bookinfo"])
def test_a_label_that_beats_the_revisions_is_refused(
    api: FakeAPIServer, kubeconfig: Kubeconfig, name: str
) -> None:
    """A namespace that is adopted keeps the label that others gave it; its own, Pulumi removes."""
    labelled = namespace(name, "istio-injection=enabled", **OURS)
    api.namespaces.append(labelled)
    wanted = planes(plane("new"))
    by = {"fieldsV1": {"f:metadata": {"f:labels": {"f:istio-injection": {}}}}}

    labelled["metadata"]["managedFields"] = [{"manager": "pulumi-kubernetes-1a2b", **by}]
    check(kubeconfig(api.url), wanted=wanted)
    labelled["metadata"]["managedFields"].append({"manager": "kubectl-label", **by})
    message = refusal(kubeconfig(api.url), wanted=wanted)

    assert f"Namespace {name} is labelled istio-injection=enabled, which overrides" in message
    check(kubeconfig(api.url))


def test_a_cluster_by_another_name_is_refused(
    api: FakeAPIServer, kubeconfig: Kubeconfig, configure: Callable[..., None]
) -> None:
    """Pulumi would make everything anew and delete it then: with `adopt` nothing stops it."""
    configure(context="arn:aws:eks:x:cluster/prod one")
    marked = ownership.mark("arn:aws:eks:x:cluster/prod one")
    api.namespaces.append(namespace("istio-system", **marked))

    message = refusal(kubeconfig(api.url), adopt=True)

    assert "was deployed by the context 'arn:aws:eks:x:cluster/prod one'" in message
    assert "config rename-context test 'arn:aws:eks:x:cluster/prod one', pulumi config" in message
    api.namespaces[:] = [namespace("istio-system", **{**marked, ownership.CONTEXT: "test"})]
    check(kubeconfig(api.url))


def test_an_istiod_is_not_moved(
    api: FakeAPIServer, kubeconfig: Kubeconfig, configure: Callable[..., None]
) -> None:
    """The proxies would go on asking for it where it was."""
    configure(istioNamespace="mesh")
    api.namespaces.append(namespace("istio-system", **OURS))
    api.deployments.append(istiod("istio-system"))

    message = refusal(kubeconfig(api.url))

    assert "istiod is in namespace istio-system, where every proxy looks for it" in message
    assert "pulumi config set istioNamespace istio-system" in message


def test_an_upgrade_that_skips_a_minor_is_refused(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """With the way that leads there."""
    ours(api, istiod("istio-system", "1.28.4"))

    message = refusal(kubeconfig(api.url))

    assert (
        "istiod is 1.28.4, wanted 1.30.3; in place an upgrade goes one minor at a time" in message
    )
    assert "set istioVersion to 1.29.x first" in message
    assert "as a canary" in message
    assert "nothing was changed" in message


def test_an_upgrade_that_skips_many_is_no_canary_either(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """Two control planes are at most two minors apart."""
    ours(api, istiod("istio-system", "1.26.4"))

    message = refusal(kubeconfig(api.url))

    assert "set istioVersion to 1.27.x first" in message
    assert "canary" not in message


def test_a_downgrade_is_refused(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """Istio supports none in place."""
    ours(api, istiod("istio-system", "1.31.0"))

    message = refusal(kubeconfig(api.url))

    assert "istiod is 1.31.0, wanted 1.30.3; a minor is never taken back in place" in message
    assert "set istioVersion to 1.31.x" in message


def test_a_digest_hides_no_version(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """Where the image has no tag, the label of a released chart tells."""
    ours(api, istiod("istio-system", "", label="1.28.4"))

    assert "istiod is 1.28.4" in refusal(kubeconfig(api.url))


def test_an_upgrade_to_the_same_digest_is_refused(
    api: FakeAPIServer, kubeconfig: Kubeconfig, configure: Callable[..., None]
) -> None:
    """A digest of the old version beside the new tag would change nothing; one of its own does."""
    digest = f"sha256:{'0' * 64}"
    ours(api, istiod("istio-system", f"1.30.1@{digest}"))
    pinned = dict.fromkeys(("pilot:1.30.3", "proxyv2:1.30.3"), digest)
    bookinfo = dict.fromkeys(of_bookinfo(SETTINGS, SAMPLES["istiod"]), digest)
    configure(imageDigests=json.dumps({**pinned, **bookinfo}))

    message = refusal(kubeconfig(api.url))

    assert "and imageDigests has the same digest for pilot:1.30.3, so nothing would be" in message
    assert '"$(crane digest docker.io/istio/pilot:1.30.3)"' in message
    other = {"pilot:1.30.3": f"sha256:{'1' * 64}"}
    configure(imageDigests=json.dumps({**pinned, **bookinfo, **other}))
    check(kubeconfig(api.url))


def test_each_revision_is_upgraded_for_itself(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """What a canary skips, its neighbour doesn't have to follow."""
    ours(api, istiod("istio-system", "1.28.4", "old"))
    old, new = plane("old", "1.28.4"), plane("new", "1.30.3")

    check(kubeconfig(api.url), wanted=planes(old, new))
    assert "istiod-old is 1.28.4" in refusal(
        kubeconfig(api.url), wanted=planes(plane("old", "1.30.3"))
    )


def test_a_revision_in_use_is_not_removed(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """Its pods would lose their control plane; each is named, but those that are over."""
    ours(api, istiod("istio-system", revision="old"), istiod("istio-system", revision="new"))
    api.pods = [pod("web-1", "old"), pod("web-2", "new"), pod("job-1", "old", "Succeeded")]

    message = refusal(kubeconfig(api.url), wanted=planes(plane("new")))

    assert (
        "still uses a control plane or tag that stack mesh/test would remove; nothing was changed"
        in message
    )
    assert "  - revision old, by the pods shop/web-1\n" in message
    assert "bookinfoRevision" in message


REMOTE = {"istiodRemote": {"enabled": True}}
WAYS: dict[str, tuple[list[ControlPlane], dict[str, Any]]] = {
    "another revision": ([plane("new")], {}),
    "turned into a tag": ([plane("new", "1.30.3", "old")], {}),
    "turned into the canary's tag": ([plane("own"), plane("new", "1.30.3", "old")], {}),
    "the canary is gone": ([plane("own")], {}),
    "in another cluster": ([plane("old")], REMOTE),
    "cluster-scoped objects only": ([plane("old")], {"global": {"resourceScope": "cluster"}}),
}
"""How an update could take a revision's istiod and Service away: control planes, values."""


@pytest.mark.parametrize("way", WAYS)
def test_no_way_takes_a_control_plane_from_its_proxies(
    api: FakeAPIServer, kubeconfig: Kubeconfig, configure: Callable[..., None], way: str
) -> None:
    """A proxy asks the Service of the revision that injected it: no tag answers there."""
    wanted, values = WAYS[way]
    configure(values=json.dumps({"istiod": values}))
    ours(api, istiod("istio-system", revision="old"))
    api.injectors.append(injector("istio-system", rev="old"))
    api.pods = [pod("web-1", "old")]

    message = refusal(kubeconfig(api.url), wanted=planes(*wanted))

    assert (
        "still uses a control plane or tag that stack mesh/test would remove; nothing was changed"
        in message
    )
    assert "  - revision old," in message
    assert "by the pods shop/web-1\n" in message
    assert "mesh:canary" in message

    api.pods = []
    check(kubeconfig(api.url), wanted=planes(*wanted))


def test_a_label_of_a_revision_that_becomes_a_tag_is_met(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """The tag's injector serves it: only proxies that run need the old Service."""
    ours(api, istiod("istio-system", revision="old"))
    api.namespaces.append(namespace("shop", "istio.io/rev=old"))
    api.pods = []

    check(kubeconfig(api.url), wanted=planes(plane("new", "1.30.3", "old")))


def test_a_revision_that_nothing_uses_is_removed(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """When the last pod has moved, the old control plane may go."""
    ours(api, istiod("istio-system", revision="old"), istiod("istio-system", revision="new"))
    api.pods = [pod("web-2", "new")]

    check(kubeconfig(api.url), wanted=planes(plane("new")))


def test_many_pods_are_counted(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """A message of thousands of names would bury the remedy."""
    ours(api, istiod("istio-system", revision="old"))
    api.pods = [pod(f"web-{number:03}", "old") for number in range(100)]

    message = refusal(kubeconfig(api.url), wanted=planes(plane("new")))

    assert "by the pods shop/web-000, " in message
    assert "shop/web-019 and 80 more" in message


@pytest.mark.parametrize(
    ("label", "gone", "kept"),
    [
        ("istio.io/rev=prod", "prod", "old"),
        ("istio.io/rev=old", "old", "new"),
        ("istio-injection=enabled", "default", "old"),
    ],
)
def test_a_name_that_a_namespace_asks_for_is_not_removed(
    api: FakeAPIServer, kubeconfig: Kubeconfig, label: str, gone: str, kept: str
) -> None:
    """Its next pod would come without a sidecar, and nobody would notice."""
    ours(api, istiod("istio-system", revision="old"))
    for tag in ("prod", "default"):
        api.injectors.append(injector("istio-system", rev="old", tag=tag))
    api.namespaces.append(namespace("shop", label))
    api.pods = []

    message = refusal(kubeconfig(api.url), wanted=planes(plane(kept)))

    assert f"revision or tag {gone}, by the label of namespace shop" in message


def test_a_tag_may_move(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """That is what it is for: its namespaces follow."""
    ours(api, istiod("istio-system", revision="old"))
    api.injectors.append(injector("istio-system", rev="old", tag="prod"))
    api.namespaces.append(namespace("shop", "istio.io/rev=prod"))

    check(kubeconfig(api.url), wanted=planes(plane("old"), plane("new", "1.30.3", "prod")))


def test_the_stacks_own_namespace_follows_by_itself(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """The same update that removes the revision labels it anew; its pods are what counts."""
    api.namespaces += [
        namespace("istio-system", **OURS),
        namespace("bookinfo", "istio.io/rev=old", **OURS),
    ]
    api.deployments.append(istiod("istio-system", revision="old"))
    api.pods = []

    check(kubeconfig(api.url), wanted=planes(plane("new")))


def test_adopt_takes_over_what_is_nobodys(
    api: FakeAPIServer, kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says of what; without it the refusal names the setting."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    api.namespaces += [namespace("istio-system"), namespace("bookinfo")]
    api.deployments.append(istiod("istio-system"))
    api.injectors.append(injector("istio-system"))

    assert "pulumi config set adopt true" in refusal(kubeconfig(api.url))
    check(kubeconfig(api.url), adopt=True)

    (warning,) = warnings
    assert "Namespace bookinfo, by kubectl-create\n" in warning
    assert "Deployment istiod in namespace istio-system, by helm\n" in warning
    assert "MutatingWebhookConfiguration istio-sidecar-injector, by istioctl" in warning


def test_adopt_never_takes_another_stacks(api: FakeAPIServer, kubeconfig: Kubeconfig) -> None:
    """Two stacks would undo each other's updates for ever."""
    api.namespaces += [
        namespace("istio-system", **{ANNOTATION: "mesh/other"}),
        namespace("bookinfo"),
    ]
    api.deployments.append(istiod("istio-system"))

    message = refusal(kubeconfig(api.url), adopt=True)

    assert "Namespace istio-system, by kubectl-create, of stack mesh/other\n" in message
    assert "Deployment istiod in namespace istio-system, by helm, of stack mesh/other\n" in message
    assert "Namespace bookinfo" not in message
    assert "config set adopt" not in message


@pytest.mark.parametrize("place", [("mesh-of-others", "default"), ("istio-system", "stable")])
def test_adopt_leaves_what_the_stack_does_not_make(
    api: FakeAPIServer, kubeconfig: Kubeconfig, place: tuple[str, str]
) -> None:
    """An istiod elsewhere, or of another revision, would stay beside the stack's own."""
    home, revision = place
    api.namespaces += [namespace("istio-system"), namespace("mesh-of-others")]
    api.deployments.append(istiod(home, revision=revision))

    message = refusal(kubeconfig(api.url), adopt=True)

    assert f"in namespace {home}, by helm\n" in message
    assert "config set adopt" not in message


def test_adopt_is_no_way_around_the_upgrade_rule(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """What is taken over is upgraded in the same update."""
    api.namespaces.append(namespace("istio-system"))
    api.deployments.append(istiod("istio-system", "1.28.4"))

    assert "istiod is 1.28.4" in refusal(kubeconfig(api.url), adopt=True)


def test_what_istioctl_still_holds_is_told(
    api: FakeAPIServer, kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that shows it, as long as its field manager is there."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    ours(api, istiod("istio-system"))
    api.injectors.append(injector("istio-system"))
    check(kubeconfig(api.url))
    assert warnings == []

    api.deployments[0]["metadata"]["managedFields"].append({"manager": "istio-operator"})
    check(kubeconfig(api.url))

    (warning,) = warnings
    assert "python -m meshctl handover" in warning


def test_policies_need_their_namespaces(
    api: FakeAPIServer, kubeconfig: Kubeconfig, configure: Callable[..., None]
) -> None:
    """There, or the stack's own: else `up` would end in the middle."""
    configure(
        mtls="strict",
        mtlsByNamespace=json.dumps({"shop": "strict", "bookinfo": "permissive"}),
        meshConfig=json.dumps({"rootNamespace": "istio-config"}),
    )
    api.namespaces.append(namespace("istio-config"))

    message = refusal(kubeconfig(api.url))
    assert "lacks namespaces that stack mesh/test has mutual TLS policies for" in message
    assert "`pulumi config rm --path mtlsByNamespace.shop`" in message
    assert "namespace bookinfo" not in message

    api.namespaces[0] = namespace("shop")
    message = refusal(kubeconfig(api.url))
    assert "there is no namespace istio-config: " in message
    assert "namespace shop" not in message


def test_what_has_no_pods_is_found(
    api: FakeAPIServer, kubeconfig: Kubeconfig, configure: Callable[..., None]
) -> None:
    """Scaled to 0 by hand, an istiod or gateway stays there: its autoscaler is off then."""
    sized = {"name": "sized", "replicas": 2}
    configure(gateways=json.dumps([{"name": "istio-ingressgateway"}, sized]))
    ours(api, istiod("istio-system"))
    api.gateways += [deployment(name) for name in ("istio-ingressgateway", "sized", "others")]
    assert check(kubeconfig(api.url)) == {}

    for stopped in (*api.deployments, *api.gateways):
        stopped["spec"]["replicas"] = 0
        stopped["metadata"]["generation"] = 7
    assert check(kubeconfig(api.url)) == {"istiod": 7, "istio-ingressgateway": 7}


def warnings_of(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, wanted: ControlPlanes | None = None
) -> list[str]:
    """Return what a cluster is warned about."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    check(cluster, wanted=wanted)
    return warnings


def test_an_injector_that_somebody_deleted_is_told(
    api: FakeAPIServer, kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its istiod runs without it: a plain update wouldn't notice. A first one has neither."""
    cluster = kubeconfig(api.url)
    api.namespaces.append(namespace("istio-system", **OURS))
    assert warnings_of(monkeypatch, cluster) == []

    api.deployments.append(istiod("istio-system"))
    (warning,) = warnings_of(monkeypatch, cluster)
    assert "has lost the injector of default" in warning
    assert "python -m meshctl up --stack test -- --refresh" in warning

    api.injectors.append(injector("istio-system"))
    assert warnings_of(monkeypatch, cluster) == []


def test_each_revision_and_tag_has_an_injector_of_its_own(
    api: FakeAPIServer, kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A canary's comes with its istiod, a tag's before somebody asks for it."""
    cluster = kubeconfig(api.url)
    ours(api, istiod("istio-system"))
    api.injectors.append(injector("istio-system"))
    wanted = planes(plane("default", "1.30.3", "stable"), plane("next", "1.30.3"))
    assert warnings_of(monkeypatch, cluster, wanted) == [], "the update brings them"

    api.deployments.append(istiod("istio-system", revision="next"))
    api.namespaces.append(namespace("shop", "istio.io/rev=stable"))
    tag, canary = warnings_of(monkeypatch, cluster, wanted)
    assert "the injector of stable" in tag
    assert "the injector of next" in canary

    api.injectors += [
        injector("istio-system", rev="default", tag="stable"),
        injector("istio-system", rev="next"),
    ]
    assert warnings_of(monkeypatch, cluster, wanted) == []


def test_an_injector_that_the_charts_leave_out_is_not_missed(
    api: FakeAPIServer,
    kubeconfig: Kubeconfig,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No update would bring it back."""
    ours(api, istiod("istio-system"))
    configure(values=json.dumps({"istiod": {"global": {"operatorManageWebhooks": True}}}))

    assert warnings_of(monkeypatch, kubeconfig(api.url)) == []


def test_the_injector_of_a_release_before_1_5_is_missed_if_its_chart_has_one(
    api: FakeAPIServer,
    kubeconfig: Kubeconfig,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A part of the one chart, which values can switch off."""
    monkeypatch.setenv("KUBE_FEATURE_WatchListClient", "false")
    api.version, api.webhooks = "v1.15.12", "v1beta1"
    ours(api, pilot())
    cluster, wanted = kubeconfig(api.url), on_disk("1.0.5")
    configure(istioVersion="1.0.5")
    (warning,) = warnings_of(monkeypatch, cluster, wanted)
    assert "has lost the injector of default" in warning

    values = {"istio": {"sidecarInjectorWebhook": {"enabled": False}}}
    configure(istioVersion="1.0.5", values=json.dumps(values))
    assert warnings_of(monkeypatch, cluster, wanted) == []


def pilot(tag: str = "1.0.5") -> dict[str, Any]:
    """Return what was istiod before 1.5, as the chart of that time has it."""
    made = istiod("istio-system", tag)
    made["metadata"] |= {"name": "istio-pilot", "labels": {"app": "istio-pilot"}}
    return made


def test_no_upgrade_leads_from_a_release_before_1_5(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """The preview says what does: a stack beside it; on that Kubernetes nothing else could."""
    api.version, api.webhooks = "v1.15.12", "v1beta1"
    ours(api, pilot())

    message = refusal(kubeconfig(api.url))

    assert "istio-pilot is 1.0.5, wanted 1.30.3; no upgrade leads from a release" in message
    assert "make a stack of its own for the new one, on a cluster of its own" in message
    assert "docs/istio-1.0.md" in message


def on_disk(version: str) -> ControlPlanes:
    """Return the control planes that a stack wants: one, of a release on disk."""
    release = find(version, find_release(version))
    return planes(ControlPlane(release=release, revision="default", tag=version, tags=()))


def test_a_kubernetes_that_lacks_an_api_is_refused(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """Which API of which object, who serves it, and what to do."""
    message = refusal(kubeconfig(api.url), wanted=on_disk("1.0.5"))

    assert "is Kubernetes 1.36.3, which lacks APIs that stack mesh/test needs" in message
    assert (
        "apiextensions.k8s.io/v1beta1 CustomResourceDefinition (virtualservices.networking.istio.io"
        in message
    )
    assert "and 46 more): last served by Kubernetes 1.21" in message
    assert "extensions/v1beta1 Deployment (Bookinfo's, istio-sidecar-injector, " in message
    assert "last served by Kubernetes 1.15" in message
    assert "MutatingWebhookConfiguration (istio-sidecar-injector)" in message
    assert "use a cluster of Kubernetes 1.15 or older, or a newer Istio" in message


def test_a_kubernetes_of_that_time_is_fine_for_it(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """The newest that serves it all, asked in the API versions that it has."""
    api.version, api.webhooks = "v1.15.12", "v1beta1"

    check(kubeconfig(api.url), wanted=on_disk("1.0.5"))


def test_a_kubernetes_that_is_too_old_for_today_is_refused(
    api: FakeAPIServer, kubeconfig: Kubeconfig
) -> None:
    """An API that came later is as absent as one that went."""
    api.version, api.webhooks = "v1.15.12-gke.3", "v1beta1"

    message = refusal(kubeconfig(api.url), wanted=on_disk("1.30.3"))

    assert "apiextensions.k8s.io/v1 CustomResourceDefinition (" in message
    assert "served since Kubernetes 1.16" in message
    assert "use a cluster of a newer Kubernetes, or an older Istio" in message


@pytest.mark.parametrize(("version", "warned"), [("v1.15.12", True), ("v1.36.3", False)])
def test_a_cluster_too_old_for_newer_plugins_is_told(
    monkeypatch: pytest.MonkeyPatch,
    api: FakeAPIServer,
    kubeconfig: Kubeconfig,
    version: str,
    *,
    warned: bool,
) -> None:
    """With the variable that helps: such a plugin would wait for ever at the first CRD."""
    monkeypatch.delenv("KUBE_FEATURE_WatchListClient", raising=False)
    monkeypatch.setattr(platform.required_apis, "unserved", lambda *_: [])
    api.version, api.webhooks = version, "v1beta1" if warned else "v1"

    told = warnings_of(monkeypatch, kubeconfig(api.url))

    assert any("WatchList" in each for each in told) is warned
    monkeypatch.setenv("KUBE_FEATURE_WatchListClient", "false")
    assert warnings_of(monkeypatch, kubeconfig(api.url)) == []


CONFIG_MAPS = "/api/v1/namespaces/istio-system/configmaps"


def made_by(manager: str) -> list[dict[str, Any]]:
    """Return the metadata of a ConfigMap `istio`, as a list of it says."""
    return [{"metadata": {"name": "istio", "managedFields": [{"manager": manager}]}}]


@pytest.mark.parametrize("manager", ["kubectl-create", "helm"])
def test_an_object_of_somebody_else_is_refused(
    api: FakeAPIServer, kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch, manager: str
) -> None:
    """Before a plugin takes it over, or fails on it; another object of the same name is none."""
    refusals: list[Any] = []
    monkeypatch.setattr(existing_objects, "find", FIND)
    monkeypatch.setattr(pulumi.runtime, "register_stack_transformation", refusals.append)
    api.namespaces.append(namespace("istio-system", **OURS))
    api.metadata[CONFIG_MAPS] = made_by(manager)

    check(kubeconfig(api.url))

    (refuse,) = refusals
    metadata = {"name": "istio", "namespace": "istio-system"}
    for other in (
        registered("kubernetes:core/v1:Secret", **metadata),
        registered("kubernetes:core/v1:ConfigMap", **{**metadata, "namespace": "bookinfo"}),
        registered("kubernetes:core/v1:ConfigMap", **{**metadata, "name": "istio-other"}),
    ):
        refuse(other)
    with pytest.raises(pulumi.RunError) as refused:
        refuse(registered("kubernetes:core/v1:ConfigMap", **metadata))
    assert f"a ConfigMap istio in namespace istio-system, made by {manager}," in str(refused.value)
    assert "pulumi config set adopt true" in str(refused.value)


@pytest.mark.parametrize("needed", [True, False])
def test_a_gateway_of_somebody_else_is_found_where_the_stack_has_such(
    api: FakeAPIServer, kubeconfig: Kubeconfig, *, needed: bool
) -> None:
    """A waypoint by `istioctl waypoint apply` has the same name as the stack's."""
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/istio-system/gateways"
    api.metadata[path] = made_by("istioctl")

    found = FIND(kubeconfig(api.url), ["istio-system"], gateway_api=needed)

    key = ("gateway.networking.k8s.io", "Gateway", "istio-system", "istio")
    assert found.managers == ({key: ("istioctl",)} if needed else {})


def test_answers_are_decoded_in_one_thread(
    api: FakeAPIServer, kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads that decode a type for the first time crash msgspec 0.22, and the program."""
    threads: set[int] = set()
    decode = msgspec.json.decode

    def noting(*arguments: Any, **options: Any) -> Any:
        threads.add(threading.get_ident())
        return decode(*arguments, **options)

    monkeypatch.setattr(msgspec.json, "decode", noting)
    api.metadata[CONFIG_MAPS] = made_by("helm")

    FIND(kubeconfig(api.url), ["istio-system"])

    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("way", ["pulumi", "adopt", "old", "bare"])
def test_an_object_of_the_stacks_own_is_not_refused(
    api: FakeAPIServer,
    kubeconfig: Kubeconfig,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    """Nor one that it may adopt, nor where a create fails anyway, before server-side apply."""
    monkeypatch.setattr(existing_objects, "find", FIND)
    monkeypatch.setattr(
        pulumi.runtime, "register_stack_transformation", lambda _: pytest.fail("it is refused")
    )
    api.namespaces.append(namespace("istio-system", **OURS))
    api.metadata[CONFIG_MAPS] = made_by("pulumi-kubernetes-1" if way == "pulumi" else "helm")
    if way == "bare":
        del api.metadata[CONFIG_MAPS][0]["metadata"]["managedFields"]
    if way == "old":
        monkeypatch.setattr(platform.required_apis, "unserved", lambda *_: [])
        api.version, api.webhooks = "v1.15.12", "v1beta1"

    check(kubeconfig(api.url), adopt=way == "adopt")


def registered(kind: str, **metadata: str) -> pulumi.ResourceTransformationArgs:
    """Return what a transformation is told of an object that the program registers."""
    return pulumi.ResourceTransformationArgs(
        cast("Any", None), kind, "name", {"metadata": metadata}, pulumi.ResourceOptions()
    )


BLOCK = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
OLD, NEW = BLOCK.format("T0xE"), BLOCK.format("TkVX")


@pytest.mark.parametrize(
    ("roots", "warning"),
    [
        ((None, NEW), None),
        ((NEW, NEW), None),
        ((OLD, NEW), "with no root in common: istiod restarts, and sidecars"),
        ((OLD, OLD + NEW), "the mesh trusts another root certificate, too"),
        ((OLD + NEW, NEW), "the mesh stops trusting the root certificate"),
    ],
)
def test_another_ca_is_announced(
    api: FakeAPIServer,
    kubeconfig: Kubeconfig,
    configure: Callable[..., None],
    roots: tuple[str | None, str],
    warning: str | None,
) -> None:
    """Sidecars that run don't follow: what that does to requests depends on the roots in common."""
    files = ("ca-cert.pem", "ca-key.pem", "cert-chain.pem")
    api.root, wanted = roots
    authority = {**dict.fromkeys(files, NEW), "root-cert.pem": wanted}
    configure(concealed="cacerts", cacerts=json.dumps(authority))
    ours(api, istiod("istio-system"))
    api.injectors.append(injector("istio-system"))

    with pytest.MonkeyPatch.context() as patch:
        said = warnings_of(patch, kubeconfig(api.url))

    assert [warning in each for each in said] == [True] if warning else said == []


def test_a_ca_that_is_no_longer_set_is_announced(
    api: FakeAPIServer, kubeconfig: Kubeconfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then istiod makes one itself, which no running sidecar trusts."""
    own = istiod("istio-system")
    template = own["spec"]["template"]
    template["metadata"] = {"annotations": {ROOTS: fingerprints(OLD)[0]}}
    ours(api, own)
    api.injectors.append(injector("istio-system"))
    api.root = OLD

    (said,) = warnings_of(monkeypatch, kubeconfig(api.url))

    assert "the mesh's CA is no longer set" in said
    assert "docs/security.md" in said
