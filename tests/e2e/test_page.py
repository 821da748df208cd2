"""Bookinfo's page: pods that are processes, and real sidecars between them."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil
import pytest

from sandbox import toolchain
from sandbox.cluster import Sandbox
from sandbox.node import entrance, trial
from sandbox.programs import ISTIO
from traffic.chance import interval

from . import browser
from .checkout import Checkout
from .istiod import eventually

WHY_NOT = trial.why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
PAGE = "http://bookinfo.dev.localhost"
COLOURS = """[...new Set([...document.querySelectorAll("svg[id^=glyphicon]")].map(
    star => star.parentElement.className.match(/text-(\\w+)-500/)[1]))].join()"""
"""The colours of the stars that a page shows, in JavaScript."""
STARS = {"": "v1", "black": "v2", "red": "v3"}
"""The version of reviews by the colour of its stars."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Bring up a stack that sends jason to reviews v3, and everybody else to all versions."""
    sandbox = Sandbox(f"page-{os.getpid()}")
    checkout = Checkout.make(tmp_path_factory.mktemp("page"), sandbox)
    plan = {"reviews": {"when": [{"headers": {"end-user": "jason"}, "to": "v3"}]}}
    try:
        with checkout.configured(trafficPlan=plan):
            assert "/productpage answers 200" in checkout.mesh("up", PODS="real")
            yield checkout
        node = entrance.of_node(sandbox.folder)
    finally:
        sandbox.down()
    assert not any(process.is_running() for process in node)


def test_jason_always_gets_red_stars(page: Checkout) -> None:
    """Signed in, by productpage's own cookie: the plan sends jason to reviews v3."""
    with _browser(page) as visitor:
        visitor.post("/login", data={"username": "jason", "passwd": "any"})
        pages = [visitor.get("/productpage").text for _ in range(10)]

    assert all("reviews v3 of the sandbox" in each for each in pages)
    assert all("text-red-500" in each for each in pages)


@browser.needed
def test_fifty_reloads_in_a_browser_show_every_version(page: Checkout, tmp_path: Path) -> None:
    """By the URL that `up` shows: the book, its details, and each version's stars as by chance."""
    url, seen = _url(page), Counter[str]()
    with browser.tab(tmp_path) as tab:
        for _ in range(50):
            tab.open(url)
            seen[STARS[tab.evaluate(COLOURS)]] += 1
        text = tab.evaluate("document.body.innerText")

    least, most = interval(50, 1 / 3)
    assert set(seen) == {"v1", "v2", "v3"}, seen
    assert all(least <= count <= most for count in seen.values()), seen
    assert "The Comedy of Errors" in text
    assert "Book Details" in text


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
    name = _pods(page)["details"]["metadata"]["name"]
    entrance.sidecar(page.sandbox.folder, "bookinfo", name).kill()

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
        outer, *inner = entrance.of_node(page.sandbox.folder)
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
