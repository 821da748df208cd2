"""The proof's own tools: what chance allows, what breaks a promise, what a request tells."""

import asyncio
import subprocess
from collections import Counter
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from mesh.settings.schema import Settings
from mesh.settings.traffic_plan import Rule, rules
from mesh.validation.conflicts import traffic_plan
from sandbox.dataplane import isolation
from sandbox.dataplane.pods import _Answer
from traffic import __main__ as command
from traffic import load
from traffic.chance import interval
from traffic.load import Reply, Target
from traffic.plans import STEPS, Step
from traffic.proof import Measurement, seconds
from traffic.stage import _flat

FAST = 0.01


def _rule(**setting: Any) -> Rule:
    return rules(Step(name="p", setting={"reviews": setting}).plan, "reviews")[0]


def _measurement(rule: Rule, replies: list[Reply], **copies: int) -> Measurement:
    return Measurement(
        plan="p", service="reviews", rule=rule, replies=replies, copies=Counter(copies)
    )


def _answers(**versions: int) -> list[Reply]:
    return [
        Reply(200, FAST, f"reviews-{version}", version)
        for version, count in versions.items()
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "share", "least", "most"),
    [(1000, 0.5, 448, 552), (1000, 0.9, 868, 930), (1000, 0, 0, 0), (1000, 1, 1000, 1000)],
)
def test_an_interval_holds_what_chance_makes_of_a_share(
    count: int, share: float, least: int, most: int
) -> None:
    """The bounds are the binomial distribution's; none and all are exact."""
    assert interval(count, share) == (least, most)


@pytest.mark.parametrize(
    ("rule", "replies", "copies", "broken"),
    [
        (_rule(to={"v1": 90, "v2": 10}), _answers(v1=905, v2=95), {}, ""),
        (_rule(to={"v1": 90, "v2": 10}), _answers(v1=800, v2=200), {}, "800 answers of v1 of 1000"),
        (_rule(to="v1"), _answers(v1=999, v3=1), {}, "1 answers of v3"),
        (Rule(), _answers(v1=300, v2=400), {}, "no answer of v3"),
        (_rule(to="v1"), [*_answers(v1=9), Reply(503, FAST)], {}, "{503: 1}"),
        (_rule(to="v1"), [*_answers(v1=9), Reply(load.LOST, FAST)], {}, "{0: 1}"),
        (_rule(to="v1"), _answers(v1=1000), {"v3": 1}, "1 copies to v3"),
        (
            _rule(to="v1", mirror={"to": "v3", "percent": 50}),
            _answers(v1=1000),
            {"v3": 300},
            "300 copies to v3",
        ),
        (
            _rule(to="v1", abort={"percent": 10, "httpStatus": 500}),
            _answers(v1=1000),
            {},
            "0 aborts with 500",
        ),
        (
            _rule(to="v1", delay={"percent": 10, "fixedDelay": "2s"}),
            _answers(v1=1000),
            {},
            "0 replies after 2s or more",
        ),
    ],
)
def test_replies_that_break_a_promise_are_told(
    rule: Rule, replies: list[Reply], copies: dict[str, int], broken: str
) -> None:
    """Each thing that a rule can say is held against the replies, and named when it isn't so."""
    said = _measurement(rule, replies, **copies).broken()

    assert bool(said) is bool(broken), said
    assert broken in "; ".join(said)


def test_a_duration_is_read_as_the_plan_means_it() -> None:
    """Hours, minutes, seconds and milliseconds add up."""
    assert seconds("1m30s") == 90
    assert seconds("500ms") == 0.5


def test_the_plans_are_plans_of_the_program() -> None:
    """Each setting that is proved is one that a stack may have."""
    for step in STEPS:
        settings = Settings.defaults().model_copy(
            update={"routing_api": step.api, "traffic_plan": step.plan}
        )
        assert list(traffic_plan.conflicts(settings)) == []


def test_settings_become_paths_of_pulumis_config() -> None:
    """What is nested is set key by key and item by item, a truth value as Pulumi spells it."""
    when = [{"headers": {"end-user": "j"}, "to": "v2"}]
    setting = {"denyByDefault": True, "trafficPlan": {"reviews": {"when": when}}}

    assert dict(_flat(setting)) == {
        "denyByDefault": "true",
        "trafficPlan.reviews.when[0].headers.end-user": "j",
        "trafficPlan.reviews.when[0].to": "v2",
    }


def test_a_reply_tells_who_answered_and_who_asked() -> None:
    """The stand-in for a pod answers with its name and version, and counts what it was sent."""
    labels = {"app": "reviews", "version": "v2"}
    pod = Pod(metadata=ObjectMeta(name="reviews-v2-x", labels=labels))
    arrivals: Counter[str] = Counter()

    async def exchange() -> list[Reply]:
        server = await asyncio.start_server(_Answer(pod, arrivals), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        certificate = {"x-forwarded-client-cert": "By=x;URI=spiffe://a/ns/b/sa/c"}
        target = Target(address="127.0.0.1", port=port, host="reviews", headers=certificate)
        replies: list[Reply] = []
        await load.send(target, 5, replies.append, workers=2)
        server.close()
        return [*replies, await load.ask(target)]

    *replies, lost = asyncio.run(exchange())

    assert {(r.status, r.pod, r.version, r.caller) for r in replies} == {
        (200, "reviews-v2-x", "v2", "spiffe://a/ns/b/sa/c")
    }
    assert arrivals == {"reviews-v2-x": 5}
    assert lost.status == load.LOST


def test_a_machine_without_user_namespaces_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel says is the reason."""
    refused = subprocess.CompletedProcess([], 1, "", "unshare: unshare failed: Operation not ok\n")
    monkeypatch.setattr(isolation.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(isolation.subprocess, "run", lambda *_, **__: refused)

    assert isolation.why_not() == (
        "user namespaces are not allowed here: unshare: unshare failed: Operation not ok"
    )


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without util-linux or iproute2 there are no namespaces either."""
    monkeypatch.setattr(
        isolation.shutil, "which", lambda program: None if program == "ip" else program
    )

    assert isolation.why_not() == "ip not on PATH"


def test_traffic_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make traffic` ends well, and says why it proved nothing."""

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("nothing may be started")

    monkeypatch.setattr(command.isolation, "why_not", lambda: "not here")
    monkeypatch.setattr(command, "Workspace", never)

    command.traffic(report=None)

    assert "traffic is skipped: not here" in capsys.readouterr().err
