"""Traffic plans: what a stack may write, what it means, what is refused and how."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mesh.bookinfo.services import VERSIONS
from mesh.settings import traffic_plan
from mesh.settings.traffic_plan import PlanSetting, Rule, ServicePlan
from mesh.validation import config
from tests.traffic_plans import EXAMPLES, JASON

Configure = Callable[..., None]


def parse(plan: dict[str, Any]) -> traffic_plan.Plan:
    """Read a plan as the settings do."""
    return TypeAdapter(PlanSetting).validate_python(json.dumps(plan))


@pytest.fixture
def refused(configure: Configure) -> Callable[..., str]:
    """Return the message that a plan is refused with."""

    def refuse(plan: dict[str, Any], **overrides: str) -> str:
        configure(trafficPlan=json.dumps(plan), **overrides)
        with pytest.raises(pulumi.RunError) as caught:
            config.read_settings()
        return str(caught.value)

    return refuse


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_taken(configure: Configure, name: str) -> None:
    """Each kind of plan is a valid setting."""
    configure(trafficPlan=json.dumps(EXAMPLES[name].plan))

    assert config.read_settings().traffic_plan.keys() == EXAMPLES[name].plan.keys()


@pytest.mark.parametrize(
    ("plan", "mistake"),
    [
        (
            {"reviews": {"to": {"v1": 90, "v3": 20}}},
            "reviews.to: weights must sum to 100, these sum to 110, got {'v1': 90, 'v3': 20}",
        ),
        (
            {"reviews": {"to": {}}},
            "reviews.to: weights must sum to 100, these sum to 0, got {}",
        ),
        (
            {"reviews": {"to": {"v1": 110, "v2": -10}}},
            "reviews.to.v1: must be less than or equal to 100, got 110",
        ),
        (
            {"reviews": {"to": 1}},
            "reviews.to: must be a version, such as v1, or weights, such as {v1: 90, v3: 10}, "
            "got 1",
        ),
        (
            {"reviews": {"to": "v4"}},
            "reviews.to: reviews has no such version, and its DestinationRule no such subset; "
            "deployed: v1, v2, v3, got 'v4'",
        ),
        (
            {"details": {"to": {"v1": 50, "v2": 50}}},
            "details.to: details has no such version, and its DestinationRule no such subset; "
            "deployed: v1, got 'v2'",
        ),
        (
            {"all": {"to": "v2"}},
            "all.to: ratings has no such version",
        ),
        (
            {"reviews": {"when": [{"headers": JASON, "to": "v1"}, {"headers": JASON, "to": "v9"}]}},
            "reviews.when[1].to: reviews has no such version",
        ),
        (
            {"ratings": {"mirror": {"to": "v2", "percent": 5}}},
            "ratings.mirror.to: ratings has no such version",
        ),
        (
            {"reviews": {"to": "v1", "mirror": {"to": "v1", "percent": 5}}},
            "reviews.mirror.to: is the version that answers all of these requests, and would get "
            "them twice: name another version, or drop the mirror, got 'v1'",
        ),
        (
            {
                "all": {"to": "v1"},
                "reviews": {"when": [{"headers": JASON, "mirror": {"to": "v1", "percent": 5}}]},
            },
            "reviews.when[0].mirror.to: is the version that answers all of these requests",
        ),
        (
            {"revews": {"to": "v1"}},
            "revews: no such service, did you mean reviews?, got {'to': {'v1': 100}}",
        ),
        (
            {"reviews": {"too": "v1"}},
            "reviews.too: no such setting, did you mean to?, got 'v1'",
        ),
        (
            {"ratings": {"delay": {"percent": 100, "fixedDelay": "7 s"}}},
            "ratings.delay.fixedDelay: must be a duration in h, m, s and ms, whole ms, at most "
            "292 years, such as 7s or 1m30s, got '7 s'",
        ),
        (
            {"ratings": {"delay": {"percent": 101, "fixedDelay": "7s"}}},
            "ratings.delay.percent: must be less than or equal to 100, got 101",
        ),
        (
            {"ratings": {"delay": {"percent": 100}}},
            "ratings.delay.fixedDelay: must be set, got {'percent': 100}",
        ),
        (
            {"ratings": {"abort": {"percent": 100, "httpStatus": 600}}},
            "ratings.abort.httpStatus: must be less than or equal to 599, got 600",
        ),
        (
            {"ratings": {"abort": {"percent": 100, "httpStatus": 99}}},
            "ratings.abort.httpStatus: must be greater than or equal to 200, got 99",
        ),
        (
            {"reviews": {"when": [{"headers": {"End-User": "jason"}, "to": "v2"}]}},
            "reviews.when[0].headers.End-User: a header's name is lower-case letters, digits and "
            "'-', such as end-user, got 'End-User'",
        ),
        (
            {"reviews": {"when": [{"headers": {"method": "GET"}, "to": "v2"}]}},
            "reviews.when[0].headers.method: Istio ignores a header of this name",
        ),
        (
            {"reviews": {"when": [{"headers": {"end-user": ""}, "to": "v2"}]}},
            "reviews.when[0].headers.end-user: must not be empty, got ''",
        ),
        (
            {"reviews": {"when": [{"headers": {}, "to": "v2"}]}},
            "reviews.when[0].headers: must not be empty, got {}",
        ),
        (
            {"reviews": {"when": [{"headers": JASON}]}},
            "reviews.when[0]: must say what differs for these headers: to, mirror, delay or abort",
        ),
    ],
)
def test_a_mistake_is_refused_at_its_place(
    refused: Callable[..., str], plan: dict[str, Any], mistake: str
) -> None:
    """With the whole path to it, the rule, and the value got."""
    assert f"\n  - mesh:trafficPlan.{mistake}" in refused(plan)


@pytest.mark.parametrize("place", ["reviews", "all"])
@pytest.mark.parametrize(
    "fault",
    [
        {"delay": {"percent": 1, "fixedDelay": "1s"}},
        {"abort": {"percent": 1, "httpStatus": 500}},
    ],
)
def test_the_gateway_api_refuses_faults(
    refused: Callable[..., str], place: str, fault: dict[str, Any]
) -> None:
    """It has no word for them: wherever a plan injects one, it is told so, with the way out."""
    (key,) = fault

    for path, plan in ((key, fault), (f"when[0].{key}", {"when": [{"headers": JASON, **fault}]})):
        message = refused({place: plan}, routingApi="gateway-api")
        assert f"mesh:trafficPlan.{place}.{path}: the Gateway API injects no faults" in message
        assert "pulumi config set routingApi istio" in message


def test_all_mistakes_of_a_plan_are_reported_at_once(refused: Callable[..., str]) -> None:
    """One run shows each of them."""
    message = refused({"reviews": {"to": "v4"}, "ratngs": {}, "details": {"to": "v2"}})

    assert "has 3 mistakes" in message


weights = st.lists(st.integers(0, 100), max_size=2).map(
    lambda cuts: [b - a for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), 100], strict=True)]
)


@given(weights)
def test_any_weights_that_sum_to_100_are_taken_as_they_are(shares: list[int]) -> None:
    """Zero too, and a single version."""
    wanted = dict(zip(VERSIONS["reviews"], shares, strict=False))

    (rule,) = traffic_plan.rules(parse({"reviews": {"to": wanted}}), "reviews")

    assert rule.to == wanted
    assert sum(rule.to.values()) == 100


@given(st.dictionaries(st.sampled_from(VERSIONS["reviews"]), st.integers(0, 100)))
def test_any_other_weights_are_refused(wanted: dict[str, int]) -> None:
    """Istio would take them, and share by what they sum to."""
    if sum(wanted.values()) == 100:
        return

    with pytest.raises(ValidationError, match="weights must sum to 100"):
        parse({"reviews": {"to": wanted}})


@given(st.integers(1, 2_562_047), st.sampled_from(["h", "m", "s", "ms"]))
def test_a_whole_number_of_a_unit_is_a_duration(number: int, unit: str) -> None:
    """Up to what Go counts in 64 bits of nanoseconds."""
    plan = {"ratings": {"delay": {"percent": 1, "fixedDelay": f"{number}{unit}"}}}

    assert parse(plan)["ratings"].delay is not None


@pytest.mark.parametrize("duration", ["1m30s", "0.5s", "1h0m", "1.001s"])
def test_a_sum_or_a_fraction_is_a_duration(duration: str) -> None:
    """As Istio takes it, to the millisecond."""
    parse({"ratings": {"delay": {"percent": 1, "fixedDelay": duration}}})


@pytest.mark.parametrize(
    "duration", ["", "7", "s", "0s", "-1s", "0.5ms", "1.0001s", "7S", "1s ", "\u0667s", "2562048h"]
)
def test_what_istio_refuses_is_no_duration(duration: str) -> None:
    """No unit, no number, less than a millisecond or finer than one."""
    with pytest.raises(ValidationError, match="must be a duration"):
        parse({"ratings": {"delay": {"percent": 1, "fixedDelay": duration}}})


@pytest.mark.parametrize("service", ["all", "reviews"])
def test_a_part_that_says_nothing_changes_nothing(configure: Configure, service: str) -> None:
    """As a service whose last field was removed by `pulumi config rm --path`."""
    configure(trafficPlan=json.dumps({service: {}}))

    assert config.read_settings().traffic_plan[service].to is None


def test_a_plan_says_nothing_of_what_it_does_not_name() -> None:
    """Such a service has no route of its own."""
    plan = parse({"reviews": {"to": "v1"}})

    assert traffic_plan.rules(plan, "ratings") == ()


def test_what_a_level_leaves_open_is_as_one_level_up() -> None:
    """A case refines its service, and a service refines `all`."""
    plan = parse(
        {
            "all": {"to": "v1", "abort": {"percent": 1, "httpStatus": 503}},
            "reviews": {
                "mirror": {"to": "v3", "percent": 10},
                "when": [{"headers": JASON, "to": "v2"}],
            },
        }
    )
    reviews = plan["reviews"]
    assert isinstance(reviews, ServicePlan)

    jason, others = traffic_plan.rules(plan, "reviews")

    assert others == Rule(to={"v1": 100}, mirror=reviews.mirror, abort=plan["all"].abort)
    assert jason == Rule(
        headers=JASON, to={"v2": 100}, mirror=reviews.mirror, abort=plan["all"].abort
    )
    assert traffic_plan.rules(plan, "details") == (Rule(to={"v1": 100}, abort=plan["all"].abort),)
