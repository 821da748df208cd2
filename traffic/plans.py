"""The plans that are proved: one `pulumi up` each, and together every feature of a plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from mesh.settings.traffic_plan import Plan, ServicePlan

JASON = {"end-user": "jason"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """A plan with a name, in the form of a stack's config."""

    name: str
    setting: Mapping[str, Any]
    api: Literal["istio", "gateway-api"] = "istio"

    @property
    def settings(self) -> dict[str, Any]:
        """The stack's settings for the plan."""
        return {"routingApi": self.api, "trafficPlan": self.setting}

    @property
    def plan(self) -> Plan:
        """The plan that the program reads from the setting."""
        return TypeAdapter(dict[str, ServicePlan]).validate_python(self.setting)


ALL_VERSIONS = Step(name="all versions", setting={})
CANARY = Step(
    name="canary and jason",
    setting={
        "all": {"to": "v1"},
        "reviews": {
            "to": {"v1": 90, "v2": 10},
            "when": [{"headers": JASON, "to": "v3"}],
        },
    },
)
FAULTS = Step(
    name="faults and copies",
    setting={
        "all": {"to": "v1"},
        "productpage": {"when": [{"headers": JASON, "abort": {"percent": 20, "httpStatus": 500}}]},
        "details": {"abort": {"percent": 5, "httpStatus": 503}},
        "ratings": {
            "delay": {"percent": 10, "fixedDelay": "2s"},
            "when": [{"headers": JASON, "abort": {"percent": 100, "httpStatus": 500}}],
        },
        "reviews": {"to": {"v1": 50, "v2": 50}, "mirror": {"to": "v3", "percent": 30}},
    },
)
GATEWAY_API = Step(
    name="Gateway API",
    api="gateway-api",
    setting={
        "all": {"to": "v1"},
        "reviews": {
            "to": {"v1": 90, "v2": 10},
            "mirror": {"to": "v3", "percent": 30},
            "when": [{"headers": JASON, "to": "v3"}],
        },
    },
)
STEPS = (ALL_VERSIONS, CANARY, FAULTS, GATEWAY_API)
