"""Sentences about routes and policies."""

from typing import Any

import pytest

from meshctl.report import sentences
from meshctl.topology import reader
from meshctl.topology.objects import Objects
from tests.fakes.bookinfo import mesh, networking, obj, security, subsets


def about(*more: dict[str, Any]) -> list[str]:
    """Return the sentences about the routes of a mesh with more objects."""
    objects = Objects(every=(*mesh(), subsets("reviews", "v1", "v2", "v3"), *more), is_live=True)
    return list(sentences.of_routes(reader.read(objects)))


def to(subset: str, weight: int = 100) -> dict[str, Any]:
    """Return a destination with its share."""
    return {"destination": {"host": "reviews", "subset": subset}, "weight": weight}


def test_a_service_without_routes_is_shared_in_turn() -> None:
    """Kubernetes sends each request to another pod."""
    assert about() == ["Requests for reviews go to v1, v2 and v3 in turn."]


def test_shares_headers_and_copies_are_said() -> None:
    """Who gets what, in the words of the picture."""
    jason = {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "route": [to("v2")]}
    others = {
        "route": [to("v1", 90), to("v2", 10)],
        "mirror": {"host": "reviews", "subset": "v3"},
        "mirrorPercentage": {"value": 50},
    }

    (said,) = about(
        networking("VirtualService", "reviews", hosts=["reviews"], http=[jason, others])
    )

    assert said == (
        "Of the requests for reviews, v1 gets 90 % of all others; v2 gets those with "
        "end-user=jason and 10 % of all others; v3 gets a copy of 50 % of all others."
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"delay": {"fixedDelay": "7s"}}, "v1 gets all (delay 7s)."),
        ({"abort": {"httpStatus": 500}}, "v1 gets all (abort 500)."),
    ],
)
def test_faults_are_said(fault: dict[str, Any], said: str) -> None:
    """After who gets them."""
    rule = {"fault": fault, "route": [to("v1")]}

    (sentence,) = about(networking("VirtualService", "reviews", hosts=["reviews"], http=[rule]))

    assert sentence == f"Of the requests for reviews, {said}"


def test_a_refused_call_is_said_with_its_reason() -> None:
    """A policy without rules allows nobody."""
    said = about(security("AuthorizationPolicy", "allow-nothing"))

    assert "Requests of productpage v1 to details are refused: no policy allows it." in said


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        ("PeerAuthentication", {"mtls": {"mode": "STRICT"}}, ": mutual TLS has the mode STRICT."),
        ("PeerAuthentication", {}, ": mutual TLS has the mode the one above it."),
        ("AuthorizationPolicy", {}, ": nothing is allowed."),
        (
            "AuthorizationPolicy",
            {
                "selector": {"matchLabels": {"app": "details"}},
                "rules": [{"from": [{"source": {"principals": ["x/ns/bookinfo/sa/one"]}}]}],
            },
            " for app=details: ALLOW requests of account one.",
        ),
        (
            "AuthorizationPolicy",
            {"action": "DENY", "rules": [{"to": [{"operation": {"methods": ["PUT"]}}]}]},
            ": DENY by its rules.",
        ),
    ],
)
def test_a_policy_is_said(kind: str, spec: dict[str, Any], said: str) -> None:
    """Its mode or its effect, and what it is for."""
    policy = security(kind, "one", **spec)

    assert list(sentences.of_policies(Objects(every=(policy, obj("Service", "other"))))) == [
        f"{kind} bookinfo/one{said}"
    ]
