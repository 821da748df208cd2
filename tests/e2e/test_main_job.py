"""One command brings up Istio and Bookinfo, and everything after it is safe to repeat."""

import json
import re
from pathlib import Path

from tests.fakes.engine import ISTIO

from .checkout import Checkout

BOOKINFO = {"details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"}


def test_up_ends_with_the_walkthroughs_tables(first_up: str) -> None:
    """`make up` ends with the services and the pods: six of Bookinfo, 2/2 Running."""
    rows = [line.split() for line in first_up.splitlines()]

    pods = {row[1]: row[2:4] for row in rows if len(row) == 6}
    bookinfo = {name: shown for name, shown in pods.items() if shown[0] == "2/2"}
    services = {row[1]: row for row in rows if len(row) == 7}

    assert {name.rsplit("-", 2)[0] for name in bookinfo} == BOOKINFO
    assert {tuple(shown) for shown in bookinfo.values()} == {("2/2", "Running")}
    assert {"istiod", "istio-ingressgateway", "productpage", "reviews"} <= services.keys()
    assert re.match(r"127\.", services["istio-ingressgateway"][4])


def test_up_warns_of_nothing_that_a_person_cannot_change(first_up: str) -> None:
    """Neither of where the Kubernetes plugin is, nor of its version; one line says both."""
    assert "from $PATH" not in first_up
    assert "is expected to have version" not in first_up
    assert len(re.findall(r"^✓ pulumi-resource-kubernetes +4\.\d+\.\d+ ", first_up, re.M)) == 1


def test_each_pod_has_the_published_sidecar(deployed: Checkout) -> None:
    """The injector of a real istiod put the release's proxy into each pod of Bookinfo."""
    pods = deployed.kubectl("get", "pods", "-n", "bookinfo")["items"]

    for pod in pods:
        containers = pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
        proxies = [c["image"] for c in containers if c["name"] == "istio-proxy"]
        assert proxies == [f"docker.io/istio/proxyv2:{ISTIO}"], pod["metadata"]["name"]
    assert len(pods) == len(BOOKINFO)


def test_the_gateways_proxy_is_injected(deployed: Checkout) -> None:
    """The gateway's `image: auto` was replaced: its pod was made when the injector answered."""
    (pod,) = deployed.kubectl("get", "pods", "-n", "istio-system", "-l", "istio=ingressgateway")[
        "items"
    ]

    assert pod["spec"]["containers"][0]["image"] == f"docker.io/istio/proxyv2:{ISTIO}"


def test_istiods_service_has_endpoints(deployed: Checkout) -> None:
    """Whoever waits for the Service, such as a Pulumi program, waits for them."""
    named = ("-l", "kubernetes.io/service-name=istiod", "-n", "istio-system")
    (endpoints,) = deployed.kubectl("get", "endpointslices", *named)["items"]

    assert [each["conditions"]["ready"] for each in endpoints["endpoints"]] == [True]


def test_every_edge_of_the_order_is_in_the_state(deployed: Checkout) -> None:
    """Destroy knows the order too: CRDs, istiod, injector and namespace, gateway, Bookinfo."""
    resources = {r["urn"].rsplit("::", 1)[1] + ":" + r["type"]: r for r in deployed.state()}
    dependencies = {
        r["urn"]: set(r.get("dependencies") or ()) | {r.get("parent")} for r in resources.values()
    }

    def behind(urn: str) -> set[str]:
        found, wanted = set(), {urn}
        while wanted:
            at = wanted.pop()
            found.add(at)
            wanted |= {d for d in dependencies.get(at, ()) if d} - found
        return found

    def urn(kind: str, name: str) -> str:
        return next(
            r["urn"]
            for r in resources.values()
            if r["type"].endswith(kind) and r["urn"].endswith(name)
        )

    istiod = urn(":Deployment", "istiod")
    gateway = urn(":Deployment", "istio-ingressgateway")
    crd = urn(":CustomResourceDefinition", "virtualservices.networking.istio.io")
    injector = urn(":MutatingWebhookConfiguration", "istio-sidecar-injector")
    namespace = next(
        r["urn"]
        for r in resources.values()
        if r["type"].endswith(":Namespace") and r["inputs"]["metadata"]["name"] == "bookinfo"
    )
    template = urn(":ConfigMap", "istio-sidecar-injector")
    assert {crd, template} <= behind(istiod)
    assert {istiod, injector} <= behind(gateway)
    # A new namespace has no pods yet: a destroy deletes it at the same time as istiod's.
    assert crd in behind(namespace)
    assert not {istiod, injector} & behind(namespace)
    for deployment in BOOKINFO:
        assert {istiod, injector, gateway, namespace} <= behind(urn(":Deployment", deployment))


def test_a_second_up_changes_nothing(deployed: Checkout) -> None:
    """What is up as wanted is left alone."""
    assert deployed.changes() == {}
    said = deployed.mesh("up", "--", "--expect-no-changes")
    assert "unchanged" in said


def test_up_with_refresh_changes_nothing(deployed: Checkout) -> None:
    """What istiod wrote into the webhooks is no drift."""
    assert deployed.changes("--refresh") == {}
    deployed.mesh("up", "--", "--refresh", "--expect-no-changes")


def test_a_mesh_setting_is_updated_in_place(deployed: Checkout) -> None:
    """A change of meshConfig updates the ConfigMaps that hold it, and replaces nothing.

    Two hold it: the mesh config itself, and the chart's record of its values.
    """
    setting = ("--config", "mesh:meshConfig.accessLogFile=/dev/stdout", "--config-path")

    steps = deployed.preview(*setting)["steps"]

    changed = {
        step["urn"].rsplit("::", 1)[1]: (step["op"], set(step["detailedDiff"]))
        for step in steps
        if step["op"] not in ("same", "refresh", "read")
    }
    assert changed == {
        "istio-system/istio": ("update", {"data.mesh"}),
        "istio-system/values": ("update", {"data.original-values", "data.merged-values"}),
    }

    pods = _pods(deployed)
    deployed.mesh("up", "--", *setting)
    mesh = deployed.kubectl("get", "configmap", "istio", "-n", "istio-system")["data"]["mesh"]
    assert "accessLogFile: /dev/stdout" in mesh
    deployed.mesh("up")
    assert _pods(deployed) == pods


def test_drift_is_put_back(deployed: Checkout) -> None:
    """Somebody's edit shows in `preview --refresh` as a change, and `up --refresh` undoes it."""
    deployed.kubectl(
        *("patch", "deployment", "reviews-v2", "-n", "bookinfo", "--type=json", "-p"),
        json.dumps([{"op": "replace", "path": "/spec/replicas", "value": 2}]),
    )

    assert deployed.changes("--refresh") == {"bookinfo-reviews-v2": "update"}
    deployed.mesh("up", "--", "--refresh")
    live = deployed.kubectl("get", "deployment", "reviews-v2", "-n", "bookinfo")
    assert live["spec"]["replicas"] == 1


def test_plain_pulumi_works_with_the_lines_of_make_env(deployed: Checkout) -> None:
    """`make` only saves typing."""
    said = deployed.shell("pulumi preview --non-interactive; kubectl get ns bookinfo -o name")

    assert re.search(r"\d+ unchanged", said)
    assert "namespace/bookinfo" in said


def test_a_salt_of_another_sandbox_is_passed_over(deployed: Checkout) -> None:
    """Plain pulumi writes one into the stack's file; the next sandbox has another passphrase."""
    file = deployed.folder / "Pulumi.dev.yaml"
    before = file.read_text()
    file.write_text(f"encryptionsalt: v1:RRwbEWAlSX4=:v1:3p8X/h/UxR4tQC0T:ABx4+y2kYhE=\n{before}")

    try:
        assert deployed.changes() == {}
    finally:
        file.write_text(before)


def test_a_persons_own_login_is_left_alone(deployed: Checkout, tmp_path: Path) -> None:
    """The sandbox's backend is not written into Pulumi's credentials."""
    home = tmp_path / "pulumi"
    home.mkdir()
    credentials = home / "credentials.json"
    credentials.write_text('{"current": "https://api.pulumi.com"}')

    deployed.shell(f"export PULUMI_HOME={home}; pulumi stack ls --json >/dev/null")

    assert json.loads(credentials.read_text())["current"] == "https://api.pulumi.com"


def _pods(checkout: Checkout) -> set[str]:
    listed = checkout.kubectl("get", "pods", "--all-namespaces")["items"]
    return {pod["metadata"]["uid"] for pod in listed}
