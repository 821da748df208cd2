"""Waypoints in the config: what is refused, with the rule and the remedy."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from mesh.validation import config

Configure = Callable[..., None]
FIRST = "pulumi config set --path 'waypoints[0].name' waypoint"


def given(*waypoints: dict[str, Any], plan: dict[str, Any] | None = None, **others: str) -> dict:
    """Return the config of a stack in ambient mode with these waypoints."""
    return {
        "injection": "ambient",
        "waypoints": json.dumps(waypoints),
        "trafficPlan": json.dumps(plan or {}),
        **others,
    }


REVIEWS = {"reviews": {"to": "v1"}}
DELAY = {"percent": 50, "fixedDelay": "7s"}
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "a name in capitals": (given({"name": "Waypoint"}), "[0].name: a waypoint's name is 1 to 53"),
    "a name that is too long": (given({"name": "w" * 54}), "[0].name: a waypoint's name is 1 to"),
    "an empty name": (given({"name": ""}), "[0].name: a waypoint's name is 1 to 53"),
    "an unknown field": (given({"label": "x"}), "waypoints[0].label: no such"),
    "another traffic": (given({"for": "none"}), "[0].for: must be 'service', 'workload' or 'all'"),
    "no replicas": (given({"replicas": 0}), "[0].replicas: must be greater than or equal to 1"),
    "an unknown service": (given({"services": ["shop"]}), "[0].services[0]: must be 'details'"),
    "a service that isn't deployed": (
        given({"services": ["mongodb"]}),
        "[0].services[0]: isn't deployed; the stack has details, ratings, reviews, productpage",
    ),
    "two of a name": (
        given({}, {"services": ["reviews"]}),
        "[1].name: must differ from every other's",
    ),
    "two for the namespace": (
        given({}, {"name": "other"}),
        "[1].services: must name services: a namespace uses one waypoint",
    ),
    "two for a service": (
        given({"services": ["reviews"]}, {"name": "other", "services": ["ratings", "reviews"]}),
        "[1].services[1]: can use one waypoint only",
    ),
    "a Service of that name": (
        given({"name": "reviews"}),
        "[0].name: is the name of a Service, Dep",
    ),
    "a version of that name": (
        given({"name": "reviews-v2"}),
        "[0].name: is the name of a Service, Dep",
    ),
    "the account of other pods": (
        given({"name": "default"}),
        "[0].name: is the name of a Service, Deployment or ServiceAccount of Bookinfo",
    ),
    "the account of a service": (
        given({"name": "bookinfo-reviews"}),
        "[0].name: is the name of a Service, Deployment or ServiceAccount of Bookinfo",
    ),
    "replicas before 1.26": (
        given({"replicas": 2}, istioVersion="1.25.3"),
        "waypoints[0].replicas: needs Istio 1.26 or newer, and this is 1.25.3: drop it",
    ),
    "sidecars": (
        given({}, injection="auto"),
        "waypoints: needs mesh:injection ambient: sidecars do the same",
    ),
    "a plan without one": (
        given(plan=REVIEWS),
        f"trafficPlan.reviews: needs a waypoint for reviews, or sidecars: {FIRST}",
    ),
    "a plan at another's": (
        given({"services": ["ratings"]}, plan=REVIEWS),
        "needs a waypoint for reviews, or sidecars: add them to the services of a waypoint",
    ),
    "a plan at one for workloads": (
        given({"for": "workload"}, plan=REVIEWS),
        "trafficPlan.reviews: needs a waypoint for reviews",
    ),
    "a plan for all": (
        given({"services": ["reviews"]}, plan={"all": {"to": "v1"}}),
        "trafficPlan.all: needs a waypoint for details, ratings, or",
    ),
    "a delay": (
        given({}, plan={"ratings": {"delay": DELAY}}),
        "trafficPlan.ratings.delay: can't be injected by a waypoint, whose Gateway API has no",
    ),
    "an abort for some": (
        given(
            {},
            plan={
                "ratings": {
                    "when": [
                        {
                            "headers": {"end-user": "jason"},
                            "abort": {"percent": 100, "httpStatus": 500},
                        }
                    ]
                }
            },
        ),
        "trafficPlan.ratings.when[0].abort: can't be injected by a waypoint",
    ),
    "deny by default without one": (
        given(denyByDefault="true"),
        "denyByDefault: needs a waypoint for details, ratings, reviews, productpage",
    ),
    "deny by default at some": (
        given({"services": ["reviews", "ratings"]}, denyByDefault="true"),
        "denyByDefault: needs a waypoint for details, productpage, or sidecars",
    ),
    "a platform": (
        {**given({}), "mode": "platform"},
        "waypoints: is for mesh:mode app or standalone, and this stack's is platform",
    ),
}


@pytest.mark.parametrize(("settings", "rule"), WRONG.values(), ids=WRONG.keys())
def test_what_no_waypoint_can_do_is_refused(
    configure: Configure, settings: dict[str, str], rule: str
) -> None:
    """By the setting's name, with the rule; nothing is deployed that would do nothing."""
    configure(**settings)

    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()

    assert rule in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        given({}, plan={"all": {"to": "v1"}}, denyByDefault="true"),
        given({"services": ["reviews"]}, plan=REVIEWS),
        given({"for": "all"}, {"name": "own", "services": ["reviews"], "for": "workload"}),
        given({}, plan={"productpage": {"delay": DELAY}}),
        given({}, plan=REVIEWS, routingApi="gateway-api"),
    ],
)
def test_what_a_waypoint_can_do_is_fine(configure: Configure, settings: dict[str, str]) -> None:
    """Faults of requests from outside too: the ingress gateway injects those."""
    configure(**settings)

    assert config.read_settings().waypoints


def test_faults_are_refused_once(configure: Configure) -> None:
    """The Gateway API's own rule says it already where all routes are of that API."""
    configure(**given({}, plan={"ratings": {"delay": DELAY}}, routingApi="gateway-api"))

    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()

    assert str(caught.value).count("trafficPlan.ratings.delay") == 1


def test_a_services_own_waypoint_wins_over_its_namespaces(configure: Configure) -> None:
    """As its label does; one for workloads handles no requests to the service."""
    own = {"name": "own", "services": ["ratings"]}
    pods = {"name": "pods", "services": ["reviews"], "for": "workload"}
    configure(**given({}, own, pods))

    settings = config.read_settings()

    served = {each: settings.waypoint_of(each) for each in ("details", "ratings", "reviews")}
    assert {service: waypoint and waypoint.name for service, waypoint in served.items()} == {
        "details": "waypoint",
        "ratings": "own",
        "reviews": "waypoint",
    }
