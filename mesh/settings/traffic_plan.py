"""Traffic plan: the versions that answer a service's requests, mirrors and injected faults."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Json, model_validator

from mesh.settings.fields import Model

EVERY = "all"
HEADER = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Istio has separate fields for these, and ignores them among headers.
IGNORED_HEADERS = frozenset({"authority", "method", "scheme", "uri"})
MOST_MILLISECONDS = (2**63 - 1) // 10**6  # Go counts nanoseconds in 64 bits
MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(ms|[hms])", re.ASCII)


def _weights(value: Any) -> Any:
    """Turn a single version into weights: all requests go to it."""
    if isinstance(value, str):
        return {value: 100}
    if not isinstance(value, Mapping):
        raise ValueError("must be a version, such as v1, or weights, such as {v1: 90, v3: 10}")  # noqa: TRY004 - pydantic reports no TypeError
    return value


def _sum_to_100(weights: dict[str, int]) -> dict[str, int]:
    if (total := sum(weights.values())) != 100:
        raise ValueError(f"weights must sum to 100, these sum to {total}")
    return weights


def _duration(value: str) -> str:
    quantities = QUANTITY.findall(value)
    total = sum(Decimal(number) * MILLISECONDS[unit] for number, unit in quantities)
    whole = "".join(number + unit for number, unit in quantities) == value
    if not whole or not 1 <= total <= MOST_MILLISECONDS or total % 1:
        raise ValueError(
            "must be a duration in h, m, s and ms, whole ms, at most 292 years, such as 7s or 1m30s"
        )
    return value


def _header(name: str) -> str:
    if not HEADER.fullmatch(name):
        raise ValueError("a header's name is lower-case letters, digits and '-', such as end-user")
    if name in IGNORED_HEADERS:
        raise ValueError("Istio ignores a header of this name; match on another one")
    return name


Percent = Annotated[int, Field(ge=0, le=100)]
Weights = Annotated[dict[str, Percent], BeforeValidator(_weights), AfterValidator(_sum_to_100)]
Headers = Annotated[
    dict[Annotated[str, AfterValidator(_header)], Annotated[str, Field(min_length=1)]],
    Field(min_length=1),
]


class Mirror(Model):
    """Mirror: a version gets copies of some requests, and its answers are dropped."""

    to: str
    percent: Percent


class Delay(Model):
    """Delay of some requests before they are forwarded."""

    percent: Percent
    fixed_delay: Annotated[str, AfterValidator(_duration)]


class Abort(Model):
    """Abort of some requests: they are answered with an error, and never forwarded."""

    percent: Percent
    http_status: Annotated[int, Field(ge=200, le=599)]


class Handling(Model):
    """Handling of requests; a field that isn't set is inherited from one level up."""

    to: Weights | None = None
    mirror: Mirror | None = None
    delay: Delay | None = None
    abort: Abort | None = None


class Case(Handling):
    """Handling of the requests that have all of these headers."""

    headers: Headers

    @model_validator(mode="after")
    def _changes_something(self) -> "Case":
        if self.model_fields_set == {"headers"}:
            raise ValueError("must say what differs for these headers: to, mirror, delay or abort")
        return self


class ServicePlan(Handling):
    """Handling of a service's requests: case by case, and for all others."""

    when: tuple[Case, ...] = ()


Plan = Mapping[str, ServicePlan]
PlanSetting = Json[dict[str, ServicePlan]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Handling of the requests that have these headers; without headers, of all requests."""

    headers: Mapping[str, str] = field(default_factory=dict)
    to: Mapping[str, int] | None = None
    """Percentage by version; None = all pods equally, whatever their version."""
    mirror: Mirror | None = None
    delay: Delay | None = None
    abort: Abort | None = None


def rules(plan: Plan, service: str) -> tuple[Rule, ...]:
    """Return a plan's rules for a service, of which the first match applies; may be empty."""
    said = {**_said(plan.get(EVERY)), **_said(plan.get(service))}
    cases = said.pop("when", ())
    if not said and not cases:
        return ()
    otherwise = Rule(**said)
    return (*(replace(otherwise, **_said(case)) for case in cases), otherwise)


def _said(part: Handling | None) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.model_fields_set} if part else {}
