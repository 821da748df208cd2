"""Bookinfo's routes: istiod takes what a stack writes, and a change never breaks a route."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mesh.bookinfo import istio_routes
from mesh.bookinfo.services import VERSIONS
from mesh.settings.platform_contract import IngressGateway
from mesh.settings.traffic_plan import PlanSetting
from tests.traffic_plans import EXAMPLES, JASON

from .checkout import Checkout

HOST = "bookinfo.dev.localhost"
INGRESS = IngressGateway(
    name="istio-ingressgateway",
    namespace="istio-system",
    account="istio-ingressgateway",
    selector={"istio": "ingressgateway"},
    port=80,
)


def test_a_stack_lets_in_its_own_host(deployed: Checkout) -> None:
    """By default all versions of reviews answer in turn: there is one route, the way in."""
    (gateway,) = deployed.kubectl("get", "gateways.networking.istio.io", "-n", "bookinfo")["items"]
    (route,) = _virtual_services(deployed).values()

    assert gateway["spec"]["servers"][0]["hosts"] == route["spec"]["hosts"] == [HOST]
    assert f"http://{HOST}/productpage" in deployed.pulumi("stack", "output", "bookinfoUrl")


def test_the_gateway_is_found_by_its_labels(deployed: Checkout) -> None:
    """A selector that fits no pod is no error to Istio: nobody would be let in."""
    pods = deployed.kubectl("get", "pods", "-n", "istio-system", "-l", "istio=ingressgateway")
    (service,) = deployed.kubectl("get", "svc", "-n", "istio-system", "-l", "istio=ingressgateway")[
        "items"
    ]

    assert len(pods["items"]) == 1
    assert 80 in {port["port"] for port in service["spec"]["ports"]}


@pytest.mark.parametrize("name", EXAMPLES)
def test_istiod_takes_every_plan(deployed: Checkout, tmp_path: Path, name: str) -> None:
    """Its validating webhook sees each object, and nothing is changed: a dry run on the server."""
    plan = TypeAdapter(PlanSetting).validate_python(json.dumps(EXAMPLES[name].plan))
    resources = [
        istio_routes.gateway("bookinfo", HOST, INGRESS),
        *istio_routes.destination_rules("bookinfo", VERSIONS),
        *istio_routes.virtual_services("bookinfo", HOST, plan),
    ]

    taken = _dry_run(deployed, tmp_path, [resource.manifest() for resource in resources])

    assert len(taken["items"]) == len(resources)


def test_istiod_is_asked(deployed: Checkout, tmp_path: Path) -> None:
    """Without its webhook the test above would show nothing: this mistake is in no CRD's schema."""
    wrong = istio_routes.gateway("bookinfo", "not/a/host", INGRESS).manifest()

    with pytest.raises(subprocess.CalledProcessError) as refused:
        _dry_run(deployed, tmp_path, [wrong])

    assert 'validation.istio.io" denied the request' in refused.value.stderr


def test_a_plan_is_changed_in_place(deployed: Checkout) -> None:
    """From one plan to the next: updates only; then without a plan, and nothing is left of it."""
    canary = {"all": {"to": "v1"}, "reviews": {"to": {"v1": 90, "v3": 10}}}
    delay = {"headers": JASON, "delay": {"percent": 100, "fixedDelay": "7s"}}
    testing = {
        "all": {"to": "v1"},
        "reviews": {"when": [{"headers": JASON, "to": "v2"}]},
        "ratings": {"when": [delay]},
    }
    with deployed.configured(trafficPlan=canary):
        deployed.mesh("up")
        before = _virtual_services(deployed)
    assert _shares(before["reviews"]) == [{"v1": 90, "v3": 10}]

    with deployed.configured(trafficPlan=testing):
        assert deployed.changes() == {
            "bookinfo-routes-reviews": "update",
            "bookinfo-routes-ratings": "update",
        }
        deployed.mesh("up")
        after = _virtual_services(deployed)
    assert _shares(after["reviews"]) == [{"v2": None}, {"v1": None}]
    assert after["ratings"]["spec"]["http"][0]["fault"]["delay"]["fixedDelay"] == "7s"
    assert {n: r["metadata"]["uid"] for n, r in before.items()} == {
        n: r["metadata"]["uid"] for n, r in after.items()
    }

    deployed.mesh("up")
    assert _virtual_services(deployed).keys() == {"bookinfo"}


def test_a_route_depends_on_what_it_sends_requests_to(deployed: Checkout) -> None:
    """Pulumi's state knows the order, and a destroy takes the routes first."""
    dependencies = {
        resource["urn"]: set(resource.get("dependencies") or ()) for resource in deployed.state()
    }
    routes = [urn for urn in dependencies if ":VirtualService::" in urn]
    targets = {urn for urn in dependencies if ":DestinationRule::" in urn or "1:Gateway::" in urn}

    assert len(targets) == 5
    assert routes
    for route in routes:
        assert targets <= dependencies[route]


def test_a_plan_for_a_version_that_is_not_there(deployed: Checkout) -> None:
    """It is refused before anything changes, with the place of the mistake."""
    before = _virtual_services(deployed)

    wrong = {"all": {"to": "v1"}, "reviews": {"to": {"v1": 90, "v4": 10}}}

    with deployed.configured(trafficPlan=wrong):
        said = deployed.fails("up")

    assert "mesh:trafficPlan.reviews.to: reviews has no such version" in said
    assert "deployed: v1, v2, v3, got 'v4'" in said
    assert _virtual_services(deployed) == before


def _virtual_services(checkout: Checkout) -> dict[str, dict[str, Any]]:
    listed = checkout.kubectl("get", "virtualservices", "-n", "bookinfo")["items"]
    return {found["metadata"]["name"]: found for found in listed}


def _shares(route: dict[str, Any]) -> list[dict[str, int | None]]:
    """Return the weights by subset, rule by rule."""
    return [
        {share["destination"]["subset"]: share.get("weight") for share in rule["route"]}
        for rule in route["spec"]["http"]
    ]


def _dry_run(checkout: Checkout, folder: Path, manifests: list[dict[str, Any]]) -> Any:
    file = folder / "manifests.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))
    return checkout.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", str(file))
    )
