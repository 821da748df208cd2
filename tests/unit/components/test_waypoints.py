"""Waypoints: Gateways before the labels that use them, plans as routes, and policies there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesh.istio.release import find
from tests import crd_schema
from tests.fakes.engine import RecordingEngine

Run = Callable[..., RecordingEngine]
NAMESPACE = "NamespacePatch/waypoints-waypoint-namespace"
USE = "istio.io/use-waypoint"
INGRESS = "istio.io/ingress-use-waypoint"


def waypoints(*found: dict[str, Any]) -> str:
    """Return the setting."""
    return json.dumps(found or [{}])


@pytest.fixture(scope="module")
def shared(run_program: Run) -> RecordingEngine:
    """Deploy with a waypoint of the namespace, a plan and deny by default."""
    return run_program(
        injection="ambient",
        gatewayApiCrds="cluster",
        waypoints=waypoints({"replicas": 2}),
        trafficPlan=json.dumps({"reviews": {"to": {"v1": 90, "v3": 10}}}),
        denyByDefault="true",
    )


@pytest.fixture(scope="module")
def single(run_program: Run) -> RecordingEngine:
    """Deploy with waypoints of single services, of a revision."""
    return run_program(
        injection="ambient",
        gatewayApiCrds="cluster",
        revision="blue",
        waypoints=waypoints(
            {"name": "stars", "services": ["ratings"]},
            {"name": "books", "services": ["details", "reviews"], "for": "all"},
            {"name": "pages", "services": ["productpage"], "for": "workload"},
        ),
    )


def policies(engine: RecordingEngine) -> dict[str, dict[str, Any]]:
    """Return the specs of the authorization policies, by name."""
    return {
        found["metadata"]["name"]: found["spec"]
        for name in engine.requests
        if name.startswith("AuthorizationPolicy/")
        for found in [engine.inputs(name)]
    }


def test_a_stack_without_them_has_nothing_of_it(deployed: RecordingEngine) -> None:
    """No component, no label."""
    assert not [name for name in deployed.requests if "waypoint" in name.lower()]
    for service in ("reviews", "productpage"):
        assert deployed.inputs(f"Service/bookinfo-{service}")["metadata"]["labels"].keys() == {
            "app",
            "service",
        }


def test_a_waypoint_is_a_gateway_that_istiod_deploys(shared: RecordingEngine) -> None:
    """As `istioctl waypoint generate` has it; Pulumi waits until it is programmed."""
    gateway = shared.inputs("Gateway/waypoints-waypoint")

    assert gateway["metadata"]["namespace"] == "bookinfo"
    assert gateway["metadata"]["labels"] == {"istio.io/waypoint-for": "service"}
    assert gateway["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Programmed"}
    assert gateway["spec"]["gatewayClassName"] == "istio-waypoint"
    assert gateway["spec"]["listeners"] == [{"name": "mesh", "port": 15008, "protocol": "HBONE"}]


def test_its_replicas_are_an_overlay_of_its_deployment(shared: RecordingEngine) -> None:
    """The ConfigMap is there before the Gateway, which istiod refuses without it."""
    options = "ConfigMap/waypoints-waypoint-options"
    reference = shared.inputs("Gateway/waypoints-waypoint")["spec"]["infrastructure"]

    assert json.loads(shared.inputs(options)["data"]["deployment"]) == {"spec": {"replicas": 2}}
    assert reference["parametersRef"] == {"group": "", "kind": "ConfigMap", "name": "waypoint"}
    assert options in shared.waits_for("Gateway/waypoints-waypoint")


def test_a_namespace_uses_it_once_its_pods_are_ready(shared: RecordingEngine) -> None:
    """Requests to a waypoint without pods fail; a destroy takes the label back first."""
    assert shared.inputs(NAMESPACE)["metadata"] == {"name": "bookinfo", "labels": {USE: "waypoint"}}
    assert "ProxyRollout/waypoints-waypoint-rollout" in shared.waits_for(NAMESPACE)
    assert "Namespace/bookinfo-namespace" in shared.waits_for("Gateway/waypoints-waypoint")
    for later in ("Service/bookinfo-reviews", "AuthorizationPolicy/security-allow-reviews"):
        assert NAMESPACE in shared.waits_for(later)


def test_a_service_uses_its_own(single: RecordingEngine) -> None:
    """By the label of its Service, of its pods, or of both: as the waypoint is for."""
    used = {
        service: (
            single.inputs(f"Service/bookinfo-{service}")["metadata"]["labels"].get(USE),
            single.inputs(f"Deployment/bookinfo-{service}-v1")["spec"]["template"]["metadata"][
                "labels"
            ].get(USE),
        )
        for service in ("details", "ratings", "reviews", "productpage")
    }

    assert used == {
        "details": ("books", "books"),
        "ratings": ("stars", None),
        "reviews": ("books", "books"),
        "productpage": (None, "pages"),
    }
    assert not [name for name in single.requests if name.startswith("NamespacePatch/")]
    labels = single.inputs("Gateway/waypoints-books")["metadata"]["labels"]
    assert labels == {"istio.io/waypoint-for": "all", "istio.io/rev": "blue"}


def test_a_plan_is_routes_of_the_gateway_api(shared: RecordingEngine) -> None:
    """Of the planned services only; the way in stays a route of Istio's API."""
    routes = {
        name for name in shared.requests if name.startswith(("HTTPRoute/", "VirtualService/"))
    }
    split = {name for name in shared.requests if name.startswith("Service/bookinfo-routes-")}

    assert routes == {
        "HTTPRoute/bookinfo-routes-reviews",
        "VirtualService/bookinfo-routes-bookinfo",
    }
    assert split == {f"Service/bookinfo-routes-reviews-{each}" for each in ("v1", "v2", "v3")}
    route = shared.inputs("HTTPRoute/bookinfo-routes-reviews")
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert [
        (backend["name"], backend["weight"]) for backend in route["spec"]["rules"][0]["backendRefs"]
    ] == [("reviews-v1", 90), ("reviews-v3", 10)]
    assert split <= shared.waits_for("HTTPRoute/bookinfo-routes-reviews")


def test_a_waypoint_takes_the_callers_and_methods_of_its_services(shared: RecordingEngine) -> None:
    """By the same names and words as sidecars; the target is the Service, not its pods."""
    spec = policies(shared)["reviews-viewer"]

    assert spec == {
        "targetRefs": [{"group": "", "kind": "Service", "name": "reviews"}],
        "rules": [
            {
                "from": [
                    {
                        "source": {
                            "principals": ["cluster.local/ns/bookinfo/sa/bookinfo-productpage"]
                        }
                    }
                ],
                "to": [{"operation": {"methods": ["GET"]}}],
            }
        ],
    }


def test_pods_take_requests_from_their_waypoint_only(shared: RecordingEngine) -> None:
    """Ztunnel knows the waypoint by its account; the gateway until its label is there."""
    sources = {
        service: policies(shared)[f"{service}-waypoint"]["rules"][0]["from"][0]["source"]
        for service in ("reviews", "productpage")
    }
    waypoint = "cluster.local/ns/bookinfo/sa/waypoint"

    assert sources == {
        "reviews": {"principals": [waypoint]},
        "productpage": {
            "principals": [waypoint, "cluster.local/ns/istio-system/sa/istio-ingressgateway"]
        },
    }
    assert policies(shared)["reviews-waypoint"]["selector"] == {"matchLabels": {"app": "reviews"}}
    labels = shared.inputs("Service/bookinfo-productpage")["metadata"]["labels"]
    assert labels[INGRESS] == "true"


def test_a_waypoint_denies_what_no_policy_allows(shared: RecordingEngine) -> None:
    """Also requests to services that others put there, such as those of single versions."""
    allowances = {
        name
        for name in shared.requests
        if name.startswith("AuthorizationPolicy/security-allow-") and "nothing" not in name
    }

    assert policies(shared)["allow-nothing"] == {}
    assert policies(shared)["allow-nothing-waypoint"] == {
        "targetRefs": [
            {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "waypoint"}
        ]
    }
    assert len(allowances) == 8
    for denial in ("allow-nothing", "allow-nothing-waypoint"):
        assert allowances <= shared.waits_for(f"AuthorizationPolicy/security-{denial}")


def test_every_policy_is_one_that_the_release_knows(
    shared: RecordingEngine, release_dir: Path
) -> None:
    """No field that the API server would refuse, or drop without a word."""
    release = find("1.30.3", release_dir)

    for name in shared.requests:
        if name.startswith("AuthorizationPolicy/"):
            crd_schema.check(release, shared.inputs(name))


def test_a_database_has_no_methods_at_a_waypoint_either(run_program: Run) -> None:
    """Its protocol has none: a rule with methods would match no request."""
    engine = run_program(
        injection="ambient",
        gatewayApiCrds="cluster",
        waypoints=waypoints({}),
        bookinfoRatings="mongodb",
        denyByDefault="true",
    )

    assert policies(engine)["mongodb-viewer"]["rules"][0].keys() == {"from"}


def test_pods_accept_any_waypoint_of_the_stack(run_program: Run) -> None:
    """A service that moves from one to another is served by the old one until its label changes."""
    engine = run_program(
        injection="ambient",
        gatewayApiCrds="cluster",
        waypoints=waypoints({}, {"name": "stars", "services": ["ratings"]}),
        denyByDefault="true",
    )

    (rule,) = policies(engine)["ratings-waypoint"]["rules"]
    accounts = [each.rpartition("/")[2] for each in rule["from"][0]["source"]["principals"]]
    assert accounts == ["waypoint", "stars"]


def test_the_gateways_route_to_a_version_goes_through_the_waypoint(run_program: Run) -> None:
    """With the Gateway API a plan's backends are Services of their own, for the first page too."""
    engine = run_program(
        injection="ambient",
        gatewayApiCrds="cluster",
        routingApi="gateway-api",
        waypoints=waypoints({}),
        trafficPlan=json.dumps({"productpage": {"to": "v1"}}),
        denyByDefault="true",
    )

    of_version = engine.inputs("Service/bookinfo-routes-productpage-v1")["metadata"]
    assert of_version["labels"] == {INGRESS: "true"}
    assert [each["name"] for each in policies(engine)["productpage-viewer"]["targetRefs"]] == [
        "productpage",
        "productpage-v1",
    ]


@pytest.mark.parametrize(
    ("settings", "labels"), [({"waypoints": "[{}]", "injection": "ambient"}, "none"), ({}, None)]
)
def test_an_external_database_is_reached_past_the_waypoint(
    run_program: Run, settings: dict[str, str], labels: str | None
) -> None:
    """It is no service of Bookinfo: a waypoint that denies by default would deny it."""
    engine = run_program(
        gatewayApiCrds="cluster",
        bookinfoRatings="mongodb",
        bookinfoDatabase=json.dumps({"host": "db.example.com"}),
        **settings,
    )

    metadata = engine.inputs("ServiceEntry/bookinfo-ratings-database")["metadata"]
    assert metadata.get("labels", {}).get(USE) == labels


@pytest.mark.parametrize(
    ("settings", "has_profile"),
    [
        ({"injection": "ambient", "waypoints": "[{}]", "gatewayApiCrds": "cluster"}, True),
        ({"injection": "ambient", "mode": "platform"}, True),
        ({"injection": "ambient"}, False),
        ({}, False),
    ],
)
def test_waypoints_meet_the_strictest_standard(
    run_program: Run, settings: dict[str, str], *, has_profile: bool
) -> None:
    """Their template has a value of its own; a stack without waypoints keeps its values."""
    values = run_program(**settings).cluster.rendered["istiod"]["values"]["gateways"]

    assert ("seccompProfile" in values) is has_profile
