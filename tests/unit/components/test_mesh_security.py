"""Mutual TLS and deny by default: the policies, their order, and what Bookinfo still may."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesh.istio.release import find
from tests import crd_schema
from tests.fakes.engine import RecordingEngine

Run = Callable[..., RecordingEngine]
NAMESPACE = "Namespace/bookinfo-namespace"
DENIAL = "AuthorizationPolicy/security-allow-nothing"
SERVICES = ("details", "productpage", "ratings", "reviews")


@pytest.fixture(scope="module")
def strict(run_program: Run) -> RecordingEngine:
    """Deploy with all there is, in a mesh with names of its own."""
    return run_program(
        istioNamespace="mesh-system",
        bookinfoNamespace="books",
        meshConfig=json.dumps({"trustDomain": "example.org", "rootNamespace": "mesh-root"}),
        mtls="strict",
        mtlsByNamespace=json.dumps({"books": "permissive", "legacy": "disable"}),
        denyByDefault="true",
    )


def policies(engine: RecordingEngine) -> dict[str, dict[str, Any]]:
    """Return the component's objects by resource name."""
    return {
        name: engine.inputs(name)
        for name, request in engine.requests.items()
        if request.parent.endswith(":MeshSecurity::security")
    }


def test_a_stack_that_decides_nothing_has_no_policy(deployed: RecordingEngine) -> None:
    """Permissive is what Istio does without one, and nobody's own policies are in the way."""
    assert policies(deployed) == {}


def test_a_policy_waits_for_the_namespace_of_a_gateway(run_program: Run) -> None:
    """It may be there that it is for."""
    edge = {"name": "edge", "namespace": "edge"}
    made = run_program(gateways=json.dumps([edge]), mtlsByNamespace=json.dumps({"edge": "strict"}))

    (policy,) = policies(made)
    assert "Namespace/gateways-edge-namespace" in made.waits_for(policy)


def test_every_policy_is_one_that_the_release_knows(
    strict: RecordingEngine, release_dir: Path
) -> None:
    """No field that the API server would refuse, or drop without a word."""
    release = find("1.30.3", release_dir)

    for manifest in policies(strict).values():
        crd_schema.check(release, manifest)
    assert len(policies(strict)) == 3 + len(SERVICES) + 1


@pytest.mark.parametrize(
    ("namespace", "mode"),
    [("mesh-root", "STRICT"), ("books", "PERMISSIVE"), ("legacy", "DISABLE")],
)
def test_mutual_tls_is_said_for_the_mesh_and_for_namespaces(
    strict: RecordingEngine, namespace: str, mode: str
) -> None:
    """In the root namespace it holds for all; Istio takes one without selector a namespace."""
    policy = policies(strict)[f"PeerAuthentication/security-mtls-{namespace}"]

    assert policy["metadata"] == {"name": "default", "namespace": namespace}
    assert policy["spec"] == {"mtls": {"mode": mode}}


def test_what_is_not_allowed_is_refused(strict: RecordingEngine) -> None:
    """A policy without rules matches nothing, for every pod of Bookinfo's namespace only."""
    denial = policies(strict)[DENIAL]

    assert denial["metadata"]["namespace"] == "books"
    assert denial["spec"] == {}


@pytest.mark.parametrize(
    ("service", "callers", "methods"),
    [
        ("productpage", ["mesh-system/sa/istio-ingressgateway"], ["GET", "POST"]),
        ("details", ["books/sa/bookinfo-productpage"], ["GET"]),
        ("reviews", ["books/sa/bookinfo-productpage"], ["GET"]),
        ("ratings", ["books/sa/bookinfo-reviews"], ["GET"]),
    ],
)
def test_bookinfo_may_what_it_is_made_of(
    strict: RecordingEngine, service: str, callers: list[str], methods: list[str]
) -> None:
    """Each service takes its own callers, by the identities that the mesh's CA gives them."""
    policy = policies(strict)[f"AuthorizationPolicy/security-allow-{service}"]

    assert policy["metadata"]["namespace"] == "books"
    assert policy["spec"] == {
        "selector": {"matchLabels": {"app": service}},
        "rules": [
            {
                "from": [
                    {"source": {"principals": [f"example.org/ns/{caller}" for caller in callers]}}
                ],
                "to": [{"operation": {"methods": methods}}],
            }
        ],
    }


def test_the_principals_are_bookinfos_accounts(strict: RecordingEngine) -> None:
    """A ServiceAccount of another name would be a caller that nobody has allowed."""
    accounts = {
        strict.inputs(f"ServiceAccount/bookinfo-{service}")["metadata"]["name"]
        for service in SERVICES
    }

    assert accounts == {f"bookinfo-{service}" for service in SERVICES}


def test_the_denial_comes_after_the_allowances(strict: RecordingEngine) -> None:
    """And goes before them: no request fails while it is switched on or off."""
    allowances = {f"AuthorizationPolicy/security-allow-{service}" for service in SERVICES}

    assert allowances <= strict.waits_for(DENIAL)


def test_policies_are_in_force_before_the_first_pod(strict: RecordingEngine) -> None:
    """And until after the last one: there is no moment without them."""
    assert policies(strict).keys() <= strict.waits_for("Deployment/bookinfo-reviews-v1")
    assert NAMESPACE in strict.waits_for(DENIAL)


def test_outbound_traffic_is_part_of_the_mesh_config(run_program: Run) -> None:
    """Beside what the stack says there itself; without the setting, not a word."""
    engine = run_program(
        outboundTrafficPolicy="REGISTRY_ONLY", meshConfig=json.dumps({"enableTracing": False})
    )

    assert engine.cluster.rendered["istiod"]["values"]["meshConfig"] == {
        "enableTracing": False,
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    }
