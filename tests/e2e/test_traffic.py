"""Traffic plans, an upgrade, security and HTTPS, proved with requests to real pods."""

import json
import os
import subprocess
import sys
from typing import Any

import psutil
import pytest

from mesh.bookinfo.services import VERSIONS
from mesh.project import PROJECT
from mesh.settings import traffic_plan
from sandbox.cluster import HOME
from sandbox.node import trial
from tests.fakes.engine import find_release
from traffic.chance import interval
from traffic.plans import STEPS

CANARY, FAULTS = "canary and jason", "faults and copies"
OLD_RELEASE = "1.29.3"
REASON = trial.why_not()

pytestmark = pytest.mark.skipif(REASON is not None, reason=REASON or "")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run `make traffic`, once, and return all its numbers."""
    report = tmp_path_factory.mktemp("traffic") / "report.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "traffic", "--report", str(report), *_old()],
        cwd=PROJECT,
        env={key: value for key, value in os.environ.items() if key != "KUBECONFIG"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=1500)
    except subprocess.TimeoutExpired:
        process.terminate()  # it deletes its sandbox
        process.communicate()
        raise
    # Each promise has its test: only a run that never got there fails them all.
    assert report.exists(), said
    return {**json.loads(report.read_text()), "code": process.returncode, "pid": process.pid}


def _old() -> list[str]:
    """Return the option for an older release, where one is on disk."""
    try:
        return ["--old", str(find_release(OLD_RELEASE))]
    except pytest.skip.Exception:
        return []


def _measured(run: dict[str, Any], plan: str, service: str, **headers: str) -> dict[str, Any]:
    wanted = {key.replace("_", "-"): value for key, value in headers.items()}
    return next(
        m
        for m in run["measurements"]
        if (m["plan"], m["service"], m["headers"]) == (plan, service, wanted)
    )


def _likely(got: int, of: int, percent: int) -> bool:
    least, most = interval(of, percent / 100)
    return least <= got <= most


HTTPS = (
    "HTTPS, istio: who trusts the CA is answered",
    "HTTPS, istio: who trusts another CA isn't",
    "HTTPS, istio: plain HTTP is redirected",
    "HTTPS, gateway-api: who trusts the CA is answered",
    "HTTPS, gateway-api: who trusts another CA isn't",
    "HTTPS, gateway-api: plain HTTP is redirected",
    "HTTPS, two stacks: the first one's host has its certificate and pods",
    "HTTPS, two stacks: the second one's host has its certificate and pods",
    "HTTPS, mutual: a client with a certificate of the CA is answered",
    "HTTPS, mutual: a client without a certificate is refused",
    "HTTPS, mutual: a client with another CA's certificate is refused",
    "HTTPS: a renewed certificate is served",
    "HTTPS: no request is lost while the certificate is renewed",
)


@pytest.mark.parametrize("promise", HTTPS)
def test_https_is_served_as_configured(run: dict[str, Any], promise: str) -> None:
    """By the real gateway, to clients with and without certificates, by both APIs."""
    assert run["checks"].get(promise) is True


def test_every_plan_is_kept_by_a_thousand_requests_of_each_kind(run: dict[str, Any]) -> None:
    """Each rule of each plan gets its 1,000 requests, and none of its promises is broken."""
    asked = {
        (step.name, service, tuple(rule.headers.items()))
        for step in STEPS
        for service in VERSIONS
        for rule in traffic_plan.rules(step.plan, service)
    }

    measured = {(m["plan"], m["service"], tuple(m["headers"].items())) for m in run["measurements"]}
    assert asked <= measured
    assert {m["sent"] for m in run["measurements"]} == {1000}
    assert run["broken"] == []
    assert run["code"] == 0


def test_weights_are_kept(run: dict[str, Any]) -> None:
    """90/10 is 90/10, within what chance does to 1,000 requests 99.9 % of times."""
    versions = _measured(run, CANARY, "reviews")["versions"]

    assert _likely(versions["v1"], 1000, 90)
    assert versions["v1"] + versions["v2"] == 1000


def test_a_header_decides_exactly(run: dict[str, Any]) -> None:
    """Every request of jason's goes where the plan sends jason, and nobody else's does."""
    assert _measured(run, CANARY, "reviews", end_user="jason")["versions"] == {"v3": 1000}
    assert "v3" not in _measured(run, CANARY, "reviews")["versions"]


def test_delays_come_at_their_rate_and_take_their_time(run: dict[str, Any]) -> None:
    """One answer in ten takes two seconds or more; the median takes none of them."""
    slow = _measured(run, FAULTS, "ratings")

    assert _likely(slow["delayed"], 1000, 10)
    assert slow["p50"] < 1.9 < slow["p99"]


def test_aborts_come_at_their_rate(run: dict[str, Any]) -> None:
    """An abort is answered with its status, as often as it says, at the gateway too."""
    details = _measured(run, FAULTS, "details")["statuses"]
    entry = _measured(run, FAULTS, "productpage", end_user="jason")["statuses"]

    assert _likely(details["503"], 1000, 5)
    assert _likely(entry["500"], 1000, 20)
    assert _measured(run, FAULTS, "productpage")["statuses"] == {"200": 1000}
    assert _measured(run, FAULTS, "ratings", end_user="jason")["statuses"] == {"500": 1000}


def test_a_mirror_gets_its_copies_and_answers_nobody(run: dict[str, Any]) -> None:
    """Copies are counted where they arrive; whose answers they are, no caller ever sees."""
    mirrored = _measured(run, FAULTS, "reviews")

    assert _likely(mirrored["copies"]["v3"], 1000, 30)
    assert set(mirrored["copies"]) == {"v3"}
    assert "v3" not in mirrored["versions"]


def test_the_gateway_apis_routes_do_the_same(run: dict[str, Any]) -> None:
    """With another gateway and other routes, a plan's weights, headers and copies are the same."""
    reviews = _measured(run, "Gateway API", "reviews")

    assert _likely(reviews["versions"]["v1"], 1000, 90)
    assert _likely(reviews["copies"]["v3"], 1000, 30)
    jasons = _measured(run, "Gateway API", "reviews", end_user="jason")
    assert jasons["versions"] == {"v3": 1000}
    assert _measured(run, "Gateway API", "productpage")["statuses"] == {"200": 1000}


@pytest.mark.parametrize(
    ("change", "flows"),
    [
        ("'canary and jason' came", 2),
        ("all pods moved to the canary and routes were put back", 2),
        ("the old control plane and some pods were removed and security was switched on", 3),
        ("'faults and copies' came", 2),
    ],
)
def test_a_change_loses_no_request(run: dict[str, Any], change: str, flows: int) -> None:
    """While `pulumi up` brings it, every request is answered, and every page is whole."""
    found = {flow: each for flow, each in run["flows"].items() if flow.endswith(f" while {change}")}

    assert len(found) == flows
    for flow, statuses in found.items():
        assert set(statuses) == {"200"}, flow
        assert statuses["200"] > 100, flow


CHECKS = (
    "the gateway answers for the stack's host",
    "the gateway knows no other stack's host",
    "two stacks: the first one's host is answered by its own pods",
    "two stacks: the second one's host is answered by its own pods",
    "drift: what somebody made of the routes is in force",
    "drift: the plan's routes are put back",
    "canary: it has injected every pod",
    "canary: the old control plane is gone",
    "permissive: plain text reaches every pod",
    "strict: plain text is refused by every pod",
    "denied by default: productpage is answered by details and reviews only",
    "denied by default: reviews is answered by ratings only",
    "denied by default: ratings is answered by nobody",
    "denied by default: details is answered by nobody",
    "registry only: the sidecar refuses hosts that no Service has",
)


@pytest.mark.parametrize("promise", CHECKS)
def test_the_mesh_does_what_the_stack_says(run: dict[str, Any], promise: str) -> None:
    """Hosts, drift, the upgrade, and who may ask whom: each asked by requests."""
    assert run["checks"].get(promise) is True


def test_nothing_is_left_of_it(run: dict[str, Any]) -> None:
    """It ends with all that it started, and its sandbox is gone."""
    name = f"traffic-{run['pid']}"

    assert not (HOME / "sandboxes" / name).exists()
    left = [
        p for p in psutil.process_iter(["cmdline"]) if name in " ".join(p.info["cmdline"] or ())
    ]
    assert left == []
