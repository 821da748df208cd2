"""Bookinfo's page: pods that are processes, and real sidecars between them."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil
import pytest

from sandbox import processes, toolchain
from sandbox.cluster import Sandbox
from sandbox.node import trial
from sandbox.programs import ISTIO

from . import browser
from .checkout import Checkout
from .istiod import eventually

WHY_NOT = trial.why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
PAGE = "http://bookinfo.dev.localhost"
MAY_ASK = {("productpage", "details"), ("productpage", "reviews"), ("reviews", "ratings")}
"""Who may ask whom with denyByDefault; the gateway asks productpage."""
ASK = """
import sys, urllib.error, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    print(opener.open(sys.argv[1], timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError:
    print(0)
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Bring up a stack with strict mutual TLS, denials and a plan for jason."""
    sandbox = Sandbox(f"page-{os.getpid()}")
    checkout = Checkout.make(tmp_path_factory.mktemp("page"), sandbox)
    plan = {
        "all": {"to": "v1"},
        "reviews": {"when": [{"headers": {"end-user": "jason"}, "to": "v3"}]},
    }
    try:
        with checkout.configured(
            trafficPlan=plan,
            mtls="strict",
            denyByDefault=True,
            outboundTrafficPolicy="REGISTRY_ONLY",
        ):
            assert "/productpage answers 200" in checkout.mesh("up", PODS="real")
            yield checkout
        node = _node(checkout)
    finally:
        sandbox.down()
    assert not any(process.is_running() for process in node)


def test_stars_change_with_who_is_signed_in(page: Checkout) -> None:
    """Jason gets reviews v3 with red stars, and everybody else v1 without stars."""
    with _browser(page) as visitor:
        before = visitor.get("/productpage").text
        visitor.post("/login", data={"username": "jason", "passwd": "any"})
        after = visitor.get("/productpage").text

    assert "reviews v1 of the sandbox" in before
    assert "reviews v3 of the sandbox" in after
    assert ("text-red-500" in before, "text-red-500" in after) == (False, True)


@browser.needed
def test_a_browser_opens_the_page(page: Checkout, tmp_path: Path) -> None:
    """By the URL that `up` shows: with its book, its details, and the reviews of v1."""
    document, _ = browser.opened(_url(page), tmp_path)

    assert "The Comedy of Errors" in document
    assert "Book Details" in document
    assert "reviews v1 of the sandbox" in document


def test_only_allowed_services_are_answered(page: Checkout) -> None:
    """A service is known by its certificate: others than those that Bookinfo needs get 403."""
    services = sorted(_pods(page))
    answers = {
        (one, other): _ask(page, one, f"http://{other}:9080/health")
        for one in services
        for other in services
        if one != other
    }

    assert answers == {pair: 200 if pair in MAY_ASK else 403 for pair in answers}


def test_plain_text_is_refused_by_each(page: Checkout) -> None:
    """Who has no sidecar, as the node itself, gets no answer from a pod's address."""
    node = next(p for p in _node(page) if "sandbox.node.kubelet" in p.cmdline())
    statuses = {
        name: _enter(node, f"http://{pod['status']['podIP']}:9080/health")
        for name, pod in _pods(page).items()
    }

    assert statuses == dict.fromkeys(_pods(page), 0)


def test_unknown_hosts_are_not_reached(page: Checkout) -> None:
    """The sidecar gets requests to addresses that no Service has, too, and answers with 502."""
    assert _ask(page, "details", "http://192.0.2.1:9080/") == 502


def test_kubectl_shows_logs_and_runs_programs(page: Checkout) -> None:
    """Of an application, of a sidecar and of istiod; a program runs in its pod's network."""
    details, admin = ("deploy/details-v1", "--"), ("pilot-agent", "request", "GET", "server_info")
    health = ("curl", "--silent", "http://details:9080/health")

    assert "GET /details/0" in _kubectl(page, "logs", "deploy/details-v1")
    sidecar = _kubectl(page, "logs", "deploy/details-v1", "-c", "istio-proxy")
    assert "Envoy proxy is ready" in sidecar
    last = _kubectl(page, "logs", "deploy/details-v1", "-c", "istio-proxy", "--tail", "1")
    assert sidecar.endswith(last)
    assert _kubectl(page, "logs", "deploy/istiod", "--namespace", "istio-system") != ""
    answer = _kubectl(page, "exec", "deploy/productpage-v1", "--", *health)
    assert answer == '{"status": "Details is healthy"}'
    assert '"state": "LIVE"' in _kubectl(page, "exec", "-c", "istio-proxy", *details, *admin)
    with pytest.raises(subprocess.CalledProcessError, match="exit status 3"):
        _kubectl(page, "exec", *details, "sh", "-c", "exit 3")


def test_istioctl_reads_a_sidecars_configuration(page: Checkout, tmp_path: Path) -> None:
    """From what `kubectl exec` got of its proxy."""
    dump = ("pilot-agent", "request", "GET", "config_dump")
    file = tmp_path / "productpage.json"
    file.write_text(
        _kubectl(page, "exec", "deploy/productpage-v1", "-c", "istio-proxy", "--", *dump)
    )
    istioctl = toolchain.ensure((ISTIO,))["istioctl"]
    asked = [istioctl, "proxy-config", "routes", "--file", file]

    shown = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout

    assert "reviews.bookinfo.svc.cluster.local:9080" in shown


def test_the_kubelet_answers_the_api_server_only(page: Checkout) -> None:
    """Any user of this machine can connect, but without the API server's key nobody is answered."""
    node, *_ = page.kubectl("get", "nodes")["items"]
    port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]
    name = _pods(page)["details"]["metadata"]["name"]
    url = f"https://127.0.0.1:{port}/containerLogs/bookinfo/{name}/details"

    with pytest.raises(httpx2.TransportError):
        httpx2.get(url, verify=False, trust_env=False)


def test_pods_that_cannot_run_say_why(page: Checkout) -> None:
    """By the reasons that a kubelet has, in their containers' status and in their events."""
    file = Path(__file__).parent / "broken_pods.yaml"
    _kubectl(page, "apply", "-f", str(file))

    def told() -> dict[str, tuple[str, str]]:
        found = {}
        for pod in page.kubectl("get", "pods", "-n", "bookinfo")["items"]:
            [*_, app] = pod["status"].get("containerStatuses") or [{}]
            why = app.get("state", {}).get("waiting", {})
            found[pod["metadata"]["name"]] = (why.get("reason"), why.get("message"))
        return found

    def events() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for event in page.kubectl("get", "events", "-n", "bookinfo")["items"]:
            found.setdefault(event["involvedObject"]["name"], set()).add(event["reason"])
        return found

    eventually(
        lambda: (
            told()["crashes"]
            == ("CrashLoopBackOff", "back-off 2s: container app ended with 3: no disk")
        )
    )
    eventually(lambda: {"Unhealthy", "Killing", "BackOff"} <= events()["sick"])
    eventually(lambda: told()["unpulled"][0] == "ImagePullBackOff")
    reasons, unsupported = told(), told()["unsupported"]
    assert reasons["unmounted"] == (
        "ContainerCreating",
        'MountVolume.SetUp failed for volume "settings" : configmap "nowhere" not found',
    )
    assert "remove the annotation traffic.sidecar.istio.io/excludeInterfaces" in unsupported[1]
    assert "FailedMount" in events()["unmounted"]
    assert "FailedCreatePodSandBox" in events()["unsupported"]
    _kubectl(page, "delete", "-f", str(file), "--wait=false")


def test_a_killed_sidecar_is_restarted(page: Checkout) -> None:
    """Its pod isn't ready meanwhile, its status counts the restart, and the page answers again."""
    _sidecar(page, "details").kill()

    def restarted() -> bool:
        status = _pods(page)["details"]["status"]
        containers = [*status["initContainerStatuses"], *status["containerStatuses"]]
        sidecar = next(each for each in containers if each["name"] == "istio-proxy")
        return sidecar["ready"] and sidecar["restartCount"] == 1

    eventually(restarted)
    with _browser(page) as visitor:
        eventually(lambda: _answers(visitor))


def test_a_killed_node_leaves_nothing_and_comes_back(page: Checkout) -> None:
    """No process of its pods outlives it, and nothing listens; the next start brings all back."""
    with _browser(page) as visitor:
        outer, *inner = _node(page)
        networks = _networks(inner)
        assert len(networks) > len(_pods(page))
        outer.kill()
        _, alive = psutil.wait_procs(inner, timeout=10)
        assert alive == []
        assert networks.isdisjoint(_networks(psutil.process_iter()))
        with pytest.raises(httpx2.ConnectError):
            visitor.get("/productpage")

        page.sandbox.up()
        eventually(lambda: _answers(visitor))


def _networks(found: Iterable[psutil.Process]) -> set[str]:
    """Return the network namespaces of processes."""
    networks = set()
    for process in found:
        with suppress(OSError):  # it has ended
            networks.add(str(Path(f"/proc/{process.pid}/ns/net").readlink()))
    return networks


def _answers(visitor: httpx2.Client) -> bool:
    try:
        return visitor.get("/productpage").status_code == 200
    except httpx2.HTTPError:
        return False


def _url(page: Checkout) -> str:
    said = page.mesh("tables")
    [url] = [word for word in said.split() if word.endswith("/productpage")]
    return url


def _browser(page: Checkout) -> httpx2.Client:
    port = _url(page).removeprefix(PAGE).removesuffix("/productpage")
    return httpx2.Client(
        base_url=f"http://127.0.0.1{port}",
        headers={"Host": PAGE.removeprefix("http://"), "Referer": "/productpage"},
        follow_redirects=False,
        trust_env=False,
    )


def _pods(page: Checkout) -> dict[str, dict]:
    """Return one pod of each service of Bookinfo."""
    listed = page.kubectl("get", "pods", "-n", "bookinfo", "-l", "app")["items"]
    return {pod["metadata"]["labels"]["app"]: pod for pod in listed}


def _kubectl(page: Checkout, *words: str) -> str:
    own = (f"--kubeconfig={page.sandbox.kubeconfig}", "--namespace=bookinfo")
    answer = subprocess.run(
        ["kubectl", *own, *words], capture_output=True, text=True, check=True, timeout=60
    )
    return answer.stdout


def _node(page: Checkout) -> list[psutil.Process]:
    outer = processes.of_file(page.sandbox.folder / "node.pid", page.sandbox.folder)
    assert outer is not None
    return [outer, *outer.children(recursive=True)]


def _sidecar(page: Checkout, service: str) -> psutil.Process:
    folder = page.sandbox.folder / "pods" / f"bookinfo_{_pods(page)[service]['metadata']['name']}"
    wanted = str(folder / "istio-proxy")
    return next(p for p in _node(page) if p.name() == "pilot-agent" and p.cwd() == wanted)


def _ask(page: Checkout, service: str, url: str) -> int:
    """Return the status that a service's own pod gets, or 0 when nothing answers."""
    return _enter(_sidecar(page, service), url)


def _enter(process: psutil.Process, url: str) -> int:
    entering = ["nsenter", f"--target={process.pid}", "--user", "--preserve-credentials", "--net"]
    words = [*entering, "--mount", sys.executable, "-c", ASK, url]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
