"""Every kind of traffic plan as a stack writes it, and the release's own file that says the same.

The files are those of samples/bookinfo/networking and samples/bookinfo/gateway-api.
"""

from dataclasses import dataclass
from typing import Any

JASON = {"end-user": "jason"}


@dataclass(frozen=True, kw_only=True)
class Example:
    """A plan, and what the release has of it."""

    plan: dict[str, Any]
    istio: str | None = None
    gateway_api: str | None = None


EXAMPLES = {
    "plain": Example(plan={}),
    "all-v1": Example(
        plan={"all": {"to": "v1"}},
        istio="virtual-service-all-v1.yaml",
        gateway_api="route-all-v1.yaml",
    ),
    "reviews-v3": Example(
        plan={"reviews": {"to": "v3"}},
        istio="virtual-service-reviews-v3.yaml",
        gateway_api="route-reviews-v3.yaml",
    ),
    "reviews-90-10": Example(
        plan={"reviews": {"to": {"v1": 90, "v2": 10}}},
        istio="virtual-service-reviews-90-10.yaml",
        gateway_api="route-reviews-90-10.yaml",
    ),
    "reviews-50-v3": Example(
        plan={"reviews": {"to": {"v1": 50, "v3": 50}}},
        istio="virtual-service-reviews-50-v3.yaml",
        gateway_api="route-reviews-50-v3.yaml",
    ),
    "reviews-test-v2": Example(
        plan={"reviews": {"to": "v1", "when": [{"headers": JASON, "to": "v2"}]}},
        istio="virtual-service-reviews-test-v2.yaml",
    ),
    "reviews-jason-v2-v3": Example(
        plan={"reviews": {"to": "v3", "when": [{"headers": JASON, "to": "v2"}]}},
        istio="virtual-service-reviews-jason-v2-v3.yaml",
    ),
    "ratings-test-delay": Example(
        plan={
            "ratings": {
                "to": "v1",
                "when": [{"headers": JASON, "delay": {"percent": 100, "fixedDelay": "7s"}}],
            }
        },
        istio="virtual-service-ratings-test-delay.yaml",
    ),
    "ratings-test-abort": Example(
        plan={
            "ratings": {
                "to": "v1",
                "when": [{"headers": JASON, "abort": {"percent": 100, "httpStatus": 500}}],
            }
        },
        istio="virtual-service-ratings-test-abort.yaml",
    ),
    "faults-for-all": Example(
        plan={
            "ratings": {"delay": {"percent": 10, "fixedDelay": "500ms"}},
            "details": {"abort": {"percent": 1, "httpStatus": 503}},
        }
    ),
    "reviews-mirrored": Example(
        plan={"reviews": {"to": "v1", "mirror": {"to": "v3", "percent": 50}}}
    ),
    "everything": Example(
        plan={
            "all": {"to": "v1"},
            "productpage": {
                "when": [{"headers": JASON, "abort": {"percent": 5, "httpStatus": 500}}]
            },
            "ratings": {"delay": {"percent": 5, "fixedDelay": "2s"}},
            "reviews": {
                "to": {"v1": 80, "v2": 20},
                "mirror": {"to": "v3", "percent": 10},
                "when": [
                    {"headers": JASON, "to": "v2"},
                    {"headers": {"end-user": "alice", "x-team": "books"}, "to": "v3"},
                ],
            },
        }
    ),
}
