"""Bookinfo's page: pods that are processes, and real sidecars between them."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from sandbox.cluster import Sandbox
from sandbox.node import entrance, trial
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
        outer.kill()
        _, alive = psutil.wait_procs(inner, timeout=10)
        assert alive == []
        with pytest.raises(httpx2.ConnectError):
            visitor.get("/productpage")

        page.sandbox.up()
        eventually(lambda: _answers(visitor))


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
    listed = page.kubectl("get", "pods", "-n", "bookinfo")["items"]
    return {pod["metadata"]["labels"]["app"]: pod for pod in listed}
