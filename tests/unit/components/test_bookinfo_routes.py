"""Bookinfo's routes: the release's own samples, plan by plan, in both APIs."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mesh import fast_yaml
from mesh.bookinfo import gateway_api_routes, istio_routes
from mesh.bookinfo.services import VERSIONS
from mesh.istio import gateway_api_crds
from mesh.istio.api.model import Resource
from mesh.istio.release import Release, find
from mesh.settings.platform_contract import IngressGateway
from mesh.settings.traffic_plan import Plan, PlanSetting
from mesh.validation import config
from tests.crd_schema import check
from tests.fakes.engine import RecordingEngine
from tests.traffic_plans import EXAMPLES, JASON

HOST = "bookinfo.test.localhost"
SELECTOR = {"istio": "ingressgateway"}
PLAN = TypeAdapter[Plan](PlanSetting)
INGRESS = IngressGateway(
    name="bookinfo-gateway", namespace="istio-system", account="a", selector=SELECTOR, port=80
)


def parse(plan: dict[str, Any]) -> Plan:
    """Read a plan as the settings do."""
    return PLAN.validate_python(json.dumps(plan))


def shown(resources: list[Any]) -> dict[tuple[str, str], Any]:
    """Return manifests by kind and name, without their namespace, which the samples leave open."""
    manifests = [
        resource.manifest() if isinstance(resource, Resource) else resource
        for resource in resources
    ]
    return {
        (manifest["kind"], manifest["metadata"]["name"]): {
            **manifest,
            "metadata": {"name": manifest["metadata"]["name"]},
        }
        for manifest in manifests
    }


@pytest.fixture(scope="module")
def release(release_dir: Path) -> Release:
    """Return the release whose samples and CRDs are compared with."""
    return find("1.30.3", release_dir)


@pytest.fixture(scope="module")
def sample(release_dir: Path) -> Callable[[str], dict[tuple[str, str], Any]]:
    """Return a file of the release's Bookinfo as manifests by kind and name."""

    def read(file: str) -> dict[tuple[str, str], Any]:
        path = release_dir / "samples/bookinfo" / file
        if not path.is_file():
            pytest.skip(f"no {path}")
        return shown([found for found in fast_yaml.load_all(path.read_bytes()) if found])

    return read


Sample = Callable[[str], dict[tuple[str, str], Any]]


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if example.istio])
def test_a_plan_is_the_releases_own_virtual_services(name: str, sample: Sample) -> None:
    """Field by field: those of the sample beside the way in, none missing, none more."""
    example = EXAMPLES[name]

    ours = shown(istio_routes.virtual_services("bookinfo", HOST, parse(example.plan)))
    ours.pop(("VirtualService", "bookinfo"))

    assert ours == sample(f"networking/{example.istio}")


def test_the_way_in_is_the_releases_own(sample: Sample) -> None:
    """With a host instead of `*`, on the port of the gateway chart's Service."""
    expected = sample("networking/bookinfo-gateway.yaml")
    expected["Gateway", "bookinfo-gateway"]["spec"]["servers"][0]["hosts"] = [HOST]
    expected["Gateway", "bookinfo-gateway"]["spec"]["servers"][0]["port"]["number"] = 80
    expected["VirtualService", "bookinfo"]["spec"]["hosts"] = [HOST]

    gateway = istio_routes.gateway("bookinfo", HOST, INGRESS)
    ours = shown([gateway, *istio_routes.virtual_services("bookinfo", HOST, {})])

    assert ours == expected


def test_the_subsets_are_the_releases_own_that_are_deployed(sample: Sample) -> None:
    """One DestinationRule a service; the sample also names versions of its variants."""
    expected = sample("networking/destination-rule-all.yaml")
    for (_, service), rule in expected.items():
        rule["spec"]["subsets"] = [
            subset for subset in rule["spec"]["subsets"] if subset["name"] in VERSIONS[service]
        ]

    assert shown(istio_routes.destination_rules("bookinfo", VERSIONS)) == expected


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_route_goes_to_a_subset_that_is_there(name: str) -> None:
    """Requests to a subset without a DestinationRule are answered with 503."""
    rules = istio_routes.destination_rules("bookinfo", VERSIONS)
    known = {(rule.spec.host, subset.name) for rule in rules for subset in rule.spec.subsets}

    for service in istio_routes.virtual_services("bookinfo", HOST, parse(EXAMPLES[name].plan)):
        for route in service.spec.http or ():
            destinations = [share.destination for share in route.route]
            destinations += [route.mirror] if route.mirror else []
            named = {(d.host, d.subset) for d in destinations if d.subset}
            assert named <= known


@pytest.mark.parametrize("name", EXAMPLES)
def test_istio_knows_every_field(name: str, release: Release) -> None:
    """The API server drops what a CRD's schema doesn't name, without a word."""
    resources = [
        istio_routes.gateway("bookinfo", HOST, INGRESS),
        *istio_routes.destination_rules("bookinfo", VERSIONS),
        *istio_routes.virtual_services("bookinfo", HOST, parse(EXAMPLES[name].plan)),
    ]

    for resource in resources:
        check(release, resource.manifest())


def test_a_mirror_gets_a_copy_of_a_share() -> None:
    """The answers come from where they came from before."""
    plan = parse(EXAMPLES["reviews-mirrored"].plan)

    _, reviews = istio_routes.virtual_services("bookinfo", HOST, plan)

    assert reviews.manifest()["spec"]["http"] == [
        {
            "route": [{"destination": {"host": "reviews", "subset": "v1"}}],
            "mirror": {"host": "reviews", "subset": "v3"},
            "mirrorPercentage": {"value": 50},
        }
    ]


def test_the_fronts_plan_counts_at_the_gateway_too() -> None:
    """Most of its requests come from there; each page is matched with the case's headers."""
    abort = {"percent": 5, "httpStatus": 500}
    plan = parse({"productpage": {"to": "v1", "when": [{"headers": JASON, "abort": abort}]}})

    entry, inside = istio_routes.virtual_services("bookinfo", HOST, plan)

    jason, others = entry.manifest()["spec"]["http"]
    assert jason["fault"] == {"abort": {"percentage": {"value": 5}, "httpStatus": 500}}
    assert [match["uri"] for match in jason["match"]] == [m["uri"] for m in others["match"]]
    assert all(match["headers"] == {"end-user": {"exact": "jason"}} for match in jason["match"])
    assert all("headers" not in match for match in others["match"])
    assert "fault" not in others
    assert [rule.get("fault") for rule in inside.manifest()["spec"]["http"]] == [
        jason["fault"],
        None,
    ]


@pytest.mark.parametrize(
    "name", [name for name, example in EXAMPLES.items() if example.gateway_api]
)
def test_a_plan_is_the_releases_own_http_routes(name: str, sample: Sample) -> None:
    """Field by field: those of the sample beside the way in, none missing, none more."""
    example = EXAMPLES[name]

    ours = shown(gateway_api_routes.http_routes("bookinfo", HOST, INGRESS, parse(example.plan)))
    ours.pop(("HTTPRoute", "bookinfo"))

    assert ours == sample(f"gateway-api/{example.gateway_api}")


def test_the_gateway_apis_way_in_is_the_releases_own(sample: Sample) -> None:
    """With a host, where the sample answers to all; the Gateway itself is none of ours."""
    expected = sample("gateway-api/bookinfo-gateway.yaml")["HTTPRoute", "bookinfo"]
    expected["spec"]["hostnames"] = [HOST]
    expected["spec"]["parentRefs"][0]["namespace"] = INGRESS.namespace

    (ours,) = shown(gateway_api_routes.http_routes("bookinfo", HOST, INGRESS, {})).values()

    assert ours == expected


def test_the_gateway_api_says_cases_and_mirrors() -> None:
    """What the samples don't show: headers, and a copy of a share."""
    plan = parse(
        {
            "reviews": {
                "to": "v1",
                "mirror": {"to": "v3", "percent": 50},
                "when": [{"headers": JASON, "to": "v2"}],
            }
        }
    )

    _, reviews = gateway_api_routes.http_routes("bookinfo", HOST, INGRESS, plan)

    mirror = {"backendRef": {"name": "reviews-v3", "port": 9080}, "percent": 50}
    filters = [{"type": "RequestMirror", "requestMirror": mirror}]
    assert reviews.manifest()["spec"]["rules"] == [
        {
            "matches": [{"headers": [{"name": "end-user", "value": "jason"}]}],
            "filters": filters,
            "backendRefs": [{"name": "reviews-v2", "port": 9080}],
        },
        {"filters": filters, "backendRefs": [{"name": "reviews-v1", "port": 9080}]},
    ]


def has_faults(plan: Plan) -> bool:
    """Tell whether a plan delays or aborts requests, which the Gateway API can't."""
    handlings = [each for part in plan.values() for each in (part, *part.when)]
    return any(each.delay or each.abort for each in handlings)


@pytest.mark.parametrize(
    "name",
    [name for name, example in EXAMPLES.items() if not has_faults(parse(example.plan))],
)
def test_the_gateway_api_knows_every_field(name: str) -> None:
    """As the CRDs have it that Istio is built with; plans with faults are none for this API."""
    # A copy: the original keeps what it reads, and other tests have it read elsewhere.
    bundle = replace(gateway_api_crds.BUNDLES["1.30"])
    if not bundle.folder.is_dir():
        pytest.skip("no CRDs of the Gateway API in releases/: a stack that uses it gets them")

    routes = gateway_api_routes.http_routes("bookinfo", HOST, INGRESS, parse(EXAMPLES[name].plan))

    for route in routes:
        check(bundle, route.manifest())


@pytest.fixture(scope="module")
def by_gateway_api(run_program: Callable[..., RecordingEngine]) -> RecordingEngine:
    """Deploy the program with a plan in the Gateway API."""
    return run_program(
        routingApi="gateway-api",
        gatewayApiCrds="cluster",
        trafficPlan=json.dumps({"reviews": {"to": "v3"}}),
    )


def test_a_service_a_version_for_the_gateway_api(
    by_gateway_api: RecordingEngine, sample: Sample
) -> None:
    """As the release's bookinfo-versions.yaml has them; nobody waits for them."""
    made = [
        by_gateway_api.inputs(name)
        for name, request in by_gateway_api.requests.items()
        if "BookinfoRoutes::" in request.parent and name.startswith("Service/")
    ]

    assert shown(made) == sample("platform/kube/bookinfo-versions.yaml")
    assert {service["metadata"]["namespace"] for service in made} == {"bookinfo"}
    for service in made:
        assert service["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


@pytest.fixture(scope="module")
def all_v1(run_program: Callable[..., RecordingEngine]) -> RecordingEngine:
    """Deploy the program with a plan for every service."""
    return run_program(trafficPlan=json.dumps({"all": {"to": "v1"}}), bookinfoNamespace="books")


def test_routes_come_after_what_they_send_requests_to(all_v1: RecordingEngine) -> None:
    """Make before break, and the reverse on destroy: the subsets are there as long as routes."""
    targets = {
        "Gateway/bookinfo-routes-gateway",
        *(f"DestinationRule/bookinfo-routes-{service}-versions" for service in VERSIONS),
    }
    routes = [name for name in all_v1.requests if name.startswith("VirtualService/")]

    assert len(routes) == 5
    for route in routes:
        assert targets <= all_v1.waits_for(route)
    for target in targets:
        assert "Deployment/bookinfo-reviews-v3" in all_v1.waits_for(target)


def test_http_routes_come_after_their_services(by_gateway_api: RecordingEngine) -> None:
    """Requests to a Service that isn't there are answered with 500."""
    for route in ("bookinfo", "reviews"):
        waits = by_gateway_api.waits_for(f"HTTPRoute/bookinfo-routes-{route}")
        assert "Service/bookinfo-routes-reviews-v3" in waits
    parent = by_gateway_api.inputs("HTTPRoute/bookinfo-routes-bookinfo")["spec"]["parentRefs"]
    assert parent == [{"name": "istio-ingressgateway", "namespace": "istio-system"}]
    assert not [name for name in by_gateway_api.requests if name.startswith("VirtualService/")]


def test_routes_are_bookinfos(all_v1: RecordingEngine) -> None:
    """They stand in its namespace: short names of hosts mean its services."""
    ours = [
        all_v1.inputs(name)
        for name, request in all_v1.requests.items()
        if request.parent.endswith(":BookinfoRoutes::bookinfo-routes")
    ]

    assert {found["metadata"]["namespace"] for found in ours} == {"books"}
    assert len(ours) == 10


def test_the_host_is_the_stacks_own(deployed: RecordingEngine) -> None:
    """Two stacks never answer for each other: a name of the stack, never `*`."""
    gateway = deployed.inputs("Gateway/bookinfo-routes-gateway")["spec"]
    route = deployed.inputs("VirtualService/bookinfo-routes-bookinfo")["spec"]

    assert gateway["servers"][0]["hosts"] == route["hosts"] == ["bookinfo.test.localhost"]
    assert gateway["selector"] == {"istio": "ingressgateway"}
    assert deployed.outputs["bookinfoUrl"] == "http://bookinfo.test.localhost/productpage"


def test_the_host_is_a_setting(run_program: Callable[..., RecordingEngine]) -> None:
    """A stack with a name of its own in DNS says so."""
    engine = run_program(bookinfoHost="books.example.com")

    assert engine.outputs["bookinfoUrl"] == "http://books.example.com/productpage"


@pytest.mark.parametrize(
    "host", ["*", "*.example.com", "bookinfo", "Books.example.com", "10.0.0.1", "a..b", "a.b/c"]
)
def test_a_host_that_is_no_whole_dns_name_is_refused(
    configure: Callable[..., None], host: str
) -> None:
    """A wildcard would catch other stacks' requests, and Istio refuses short names."""
    configure(bookinfoHost=host)

    with pytest.raises(Exception, match="mesh:bookinfoHost: a host is a full DNS name"):
        config.read_settings()


def test_a_stack_whose_name_makes_no_host_is_told(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a name without a letter or a digit nothing can be made."""
    configure()
    monkeypatch.setattr("pulumi.get_stack", lambda: "_.")

    with pytest.raises(Exception, match=r"mesh:bookinfoHost: can't be made from the stack's name"):
        config.read_settings()
