"""Waypoints in ambient mode: plans and policies, as objects and as istiod tells the waypoints."""

from collections.abc import Iterator
from typing import Any

import pytest

from .checkout import Checkout
from .istiod import Istiod, eventually

WAYPOINTS = [{"name": "waypoint", "replicas": 2}, {"name": "stars", "services": ["ratings"]}]
PLAN = {
    "reviews": {
        "to": {"v1": 80, "v3": 20},
        "when": [{"headers": {"end-user": "jason"}, "to": "v2"}],
    },
}
GATEWAYS = "gateways.gateway.networking.k8s.io"
AMBIENT: dict[str, Any] = {
    "injection": "ambient",
    "podSecurity": "restricted",
    "waypoints": WAYPOINTS,
    "trafficPlan": PLAN,
}


@pytest.fixture(scope="module")
def moved(checkout: Checkout, first_up: str) -> str:
    """Move a stack with sidecars to ambient mode with waypoints; return what its preview said."""
    assert first_up
    with checkout.configured(**AMBIENT):
        said = checkout.mesh("preview")
        checkout.mesh("up")
        verified = checkout.mesh("verify")
    assert "2 of 2 pods ready, for details, reviews, productpage" in verified
    assert "1 of 1 pods ready, for ratings" in verified
    return said


@pytest.fixture(scope="module")
def denying(checkout: Checkout, moved: str) -> Iterator[Checkout]:
    """Deny by default too; and back to sidecars at the end, which leaves no waypoint."""
    with checkout.configured(**AMBIENT, denyByDefault=True):
        checkout.mesh("up")
        assert checkout.changes("--refresh") == {}
        yield checkout
    assert "denies by default" in checkout.fails("up"), "the move would stop requests"
    with checkout.configured(**AMBIENT):
        checkout.mesh("up")
    checkout.mesh("up")
    assert checkout.changes() == {}
    assert checkout.kubectl("get", GATEWAYS, "-A")["items"] == []
    assert "istio.io/use-waypoint" not in str(checkout.kubectl("get", "namespaces,services", "-A"))


def pods(checkout: Checkout, waypoint: str) -> list[dict[str, Any]]:
    """Return the pods of a waypoint."""
    label = f"gateway.networking.k8s.io/gateway-name={waypoint}"
    return checkout.kubectl("get", "pods", "-n", "bookinfo", "-l", label)["items"]


def test_the_preview_explains_the_move(moved: str) -> None:
    """Of a mesh that accepts plain text: it says until when."""
    assert "namespace bookinfo moves from sidecars to ambient mode" in moved
    assert "6 with old sidecars in namespace bookinfo are plain text until the move is" in moved


def test_a_waypoint_carries_the_plan_out(checkout: Checkout, moved: str) -> None:
    """By istiod's own account: jason first, and the weights for all others."""
    assert moved
    (pod, _) = pods(checkout, "waypoint")

    (host,) = Istiod.of(checkout).waypoint(pod)["reviews:9080"]["routeConfig"]["virtualHosts"]

    jason, others = host["routes"]
    assert jason["match"]["headers"][0]["stringMatch"] == {"exact": "jason"}
    assert "reviews-v2" in jason["route"]["cluster"]
    weights = {
        each["name"].split("|")[3].partition(".")[0]: each["weight"]
        for each in others["route"]["weightedClusters"]["clusters"]
    }
    assert weights == {"reviews-v1": 80, "reviews-v3": 20}


def test_a_service_of_its_own_waypoint_is_at_no_other(checkout: Checkout, moved: str) -> None:
    """Ratings is at stars, whose only service it is."""
    assert moved
    istiod = Istiod.of(checkout)

    assert istiod.waypoint(pods(checkout, "stars")[0]).keys() == {"ratings:9080"}
    assert "ratings:9080" not in istiod.waypoint(pods(checkout, "waypoint")[0])


def test_a_waypoint_takes_its_services_callers_only(denying: Checkout) -> None:
    """The gateway's requests go through it too; what has no policy of its own is denied."""
    (pod, _) = pods(denying, "waypoint")
    istiod = Istiod.of(denying)

    def policies(service: str) -> list[str]:
        chain = istiod.waypoint(pod)[service]
        return [str(each) for each in chain["httpFilters"] if "rbac" in each["name"]]

    eventually(lambda: "bookinfo-productpage" in str(policies("reviews:9080")))
    assert "allow-nothing-waypoint" in str(policies("reviews-v1:9080"))
    assert "viewer" not in str(policies("reviews-v1:9080"))
    assert "istio-ingressgateway" in str(policies("productpage:9080"))
    service = denying.kubectl("get", "service", "productpage", "-n", "bookinfo")
    (bound,) = service["status"]["conditions"]
    assert bound["message"].endswith("Ingress traffic will traverse the waypoint")
