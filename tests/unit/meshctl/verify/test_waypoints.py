"""What verify finds of waypoints: their pods, and the services that use them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from mesh.settings.schema import Settings
from mesh.validation import config
from meshctl.verify import waypoints
from meshctl.verify.snapshot import Finding, Snapshot
from tests.fakes.mesh import running_mesh

BOUND = "Successfully attached to waypoint bookinfo/waypoint"


@pytest.fixture
def stack(configure: Callable[..., None]) -> Settings:
    """Return the settings of a stack with a waypoint for two services."""
    only = [{"services": ["reviews", "ratings"]}]
    configure(injection="ambient", waypoints=json.dumps(only))
    return config.read_settings()


def deployment(ready: int = 1) -> dict[str, Any]:
    """Return the waypoint's Deployment."""
    return {
        "metadata": {"namespace": "bookinfo", "name": "waypoint"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}},
        "status": {"readyReplicas": ready},
    }


def service(name: str, message: str | None = BOUND, status: str = "True") -> dict[str, Any]:
    """Return a Service, and what istiod says of its waypoint."""
    condition = {"type": "istio.io/WaypointBound", "status": status, "message": message}
    return {
        "metadata": {"namespace": "bookinfo", "name": name},
        "status": {"conditions": [condition] if message else []},
    }


def check(stack: Settings, *services: dict[str, Any], ready: int | None = 1) -> Finding:
    """Return what is found."""
    found = Snapshot(
        mesh=running_mesh(),
        deployments=[] if ready is None else [deployment(ready)],
        webhooks=[],
        services=services,
        pods=[],
    )
    (finding,) = waypoints.check(found, stack)
    return finding


def test_a_waypoint_that_works_is_named_with_its_services(stack: Settings) -> None:
    """Also where istiod tells more than that."""
    ingress = service("ratings", f"{BOUND}. Ingress traffic will traverse the waypoint")

    found = check(stack, service("reviews"), ingress)

    assert (found.status, found.found) == ("ok", "1 of 1 pods ready, for ratings, reviews")


@pytest.mark.parametrize(
    ("reviews", "why"),
    [
        (service("reviews", None), "reviews: istiod knows of no waypoint for it"),
        (service("reviews", "waypoint bookinfo/waypoint is missing", "False"), "is missing"),
        (service("reviews", "Successfully attached to waypoint bookinfo/x"), "waypoint bookinfo/x"),
        (service("other"), "reviews: there is no such Service"),
    ],
)
def test_a_service_that_does_not_use_it_is_named(
    stack: Settings, reviews: dict[str, Any], why: str
) -> None:
    """Its plan and its policies would do nothing."""
    found = check(stack, reviews, service("ratings"))

    assert found.status == "wrong"
    assert found.found.startswith("isn't used by reviews: ")
    assert why in found.found
    assert "kubectl describe gateways.gateway.networking.k8s.io waypoint -n book" in found.remedy


@pytest.mark.parametrize(
    ("ready", "what"), [(None, "istiod hasn't created its Deployment"), (0, "0 of 1 pods ready")]
)
def test_a_waypoint_without_pods_is_wrong(stack: Settings, ready: int | None, what: str) -> None:
    """Requests to its services fail."""
    found = check(stack, service("reviews"), service("ratings"), ready=ready)

    assert (found.status, found.found) == ("wrong", what)
