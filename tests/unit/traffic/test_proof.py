"""The proof's own tools: what chance allows, what breaks a promise, what a request tells."""

import asyncio
import subprocess
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mesh.settings.schema import Settings
from mesh.settings.traffic_plan import Rule, rules
from mesh.validation.conflicts import traffic_plan
from sandbox.dataplane import isolation
from traffic import __main__ as command
from traffic import load
from traffic.chance import interval
from traffic.load import Job, Reply, Target
from traffic.plans import STEPS, Step
from traffic.proof import Measurement, Proof, seconds
from traffic.stack import _flat
from traffic.upgrade import NEW, Upgrade

FAST = 0.01


def _rule(**setting: Any) -> Rule:
    return rules(Step(name="p", setting={"reviews": setting}).plan, "reviews")[0]


def _measurement(rule: Rule, replies: list[Reply], **copies: int) -> Measurement:
    return Measurement(
        plan="p", service="reviews", rule=rule, replies=replies, copies=Counter(copies)
    )


def _answers(**versions: int) -> list[Reply]:
    return [Reply(200, FAST, version) for version, count in versions.items() for _ in range(count)]


async def _serve(body: str, headers: dict[str, str]) -> tuple[asyncio.Server, int]:
    lines = [f"{k}: {v}" for k, v in {**headers, "content-length": str(len(body))}.items()]
    answer = "\r\n".join(["HTTP/1.1 200 OK", *lines, "", body]).encode()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


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


def test_one_lost_request_breaks_the_proof() -> None:
    """It is told with the change, and with what came in its place."""
    proof = Proof(checks={"strict: plain text is refused": True})
    proof.flows["requests while all moved"] = Counter({200: 999, load.INCOMPLETE: 1})

    assert proof.broken() == [
        "failed: requests while all moved: 999 of 1000 answered, not {1: 1}",
    ]


def test_nothing_is_proved_by_nothing() -> None:
    """A flow without requests, a rule without them, and answers that nobody can count."""
    shares = _rule(to={"v1": 50, "v2": 50})
    proof = Proof(
        measurements=[_measurement(shares, []), _measurement(shares, [Reply(200, FAST)])],
        flows={"requests while all moved": Counter()},
    )

    assert proof.broken() == [
        "p, reviews by anybody: no request was sent",
        "p, reviews by anybody: no answer says which version gave it",
        "failed: requests while all moved: 0 of 0 answered",
    ]


def test_an_upgrade_ends_with_the_stacks_own_release() -> None:
    """What the old release needed is taken back."""
    upgrade = Upgrade("1.30.8", Path("/releases/1.29.3"))

    assert upgrade.before == {"istioVersion": "1.29.3", "releaseDir": "/releases/1.29.3"}
    assert upgrade.beside["canary"] == {"revision": NEW, "istioVersion": "1.30.8"}
    assert {*upgrade.before, *upgrade.beside} <= upgrade.own.keys()


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


@pytest.mark.parametrize("at", [(), ("env",)], ids=["from here", "from another process"])
def test_a_reply_tells_what_answered(at: tuple[str, ...]) -> None:
    """The version by the header of the sandbox's servers, the pod of reviews by its own word."""
    told = {"content-type": "application/json", load.PROGRAM: "reviews v2 of the sandbox"}

    async def exchange() -> list[Reply]:
        server, port = await _serve('{"podname": "reviews-v2-x"}', told)
        target = Target(address="127.0.0.1", port=port, host="reviews")
        replies: list[Reply] = []
        await load.send(Job(target=target, count=5, workers=2), replies.append, at=at)
        server.close()
        return [*replies, await load.ask(target, at=at)]

    *replies, lost = asyncio.run(exchange())

    assert {(r.status, r.version, r.pod) for r in replies} == {(200, "v2", "reviews-v2-x")}
    assert len(replies) == 5
    assert lost.status == load.LOST


@pytest.mark.parametrize("at", [(), ("env",)], ids=["from here", "from another process"])
def test_a_job_without_a_number_ends_when_it_is_told(at: tuple[str, ...]) -> None:
    """Requests flow until then, and each is counted; a page without its reviews isn't whole."""

    async def flow() -> list[Reply]:
        server, port = await _serve("<p>Sorry, reviews are currently unavailable</p>", {})
        target = Target(address="127.0.0.1", port=port, host="productpage")
        replies: list[Reply] = []
        ended = asyncio.Event()
        job = Job(target=target, workers=1, reconnects=True)

        def seen(reply: Reply) -> None:
            replies.append(reply)
            if len(replies) == 3:
                ended.set()

        await load.send(job, seen, ended=ended, at=at)
        server.close()
        return replies

    replies = asyncio.run(flow())

    assert len(replies) >= 3
    assert {reply.status for reply in replies} == {load.INCOMPLETE}


def test_a_request_without_an_answer_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof always ends."""
    monkeypatch.setattr(load, "PATIENCE", 0.1)

    async def ask() -> Reply:
        silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        reply = await load.ask(Target(address="127.0.0.1", port=port, host="reviews"))
        silent.close()
        return reply

    assert asyncio.run(asyncio.wait_for(ask(), 20)).status == load.LOST


def test_a_place_that_cannot_be_entered_is_told() -> None:
    """Else a proof without requests would look kept."""
    target = Target(address="127.0.0.1", port=1, host="reviews")
    with pytest.raises(load.LoadError, match="`false`: it ended with 1"):
        asyncio.run(load.send(Job(target=target, count=1), print, at=["false"]))


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

    monkeypatch.setattr(command.trial, "why_not", lambda: "not here")
    monkeypatch.setattr(command, "Workspace", never)

    command.traffic(report=None)

    assert "traffic is skipped: not here" in capsys.readouterr().err


def test_the_sandbox_goes_also_when_nobody_reads_the_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in `make traffic | head`: else it would run on."""
    downs = []

    async def prove(*_: Any) -> None:
        pass

    def gone(*_: Any) -> None:
        raise BrokenPipeError

    workspace = SimpleNamespace(setting=lambda _: "1.30.8")
    sandbox = SimpleNamespace(name="traffic-1", folder=Path(), down=lambda: downs.append(1))
    monkeypatch.setattr(command.trial, "why_not", lambda: None)
    monkeypatch.setattr(command.download, "get_all", lambda _: None)
    monkeypatch.setattr(command.gateway_api_crds, "of", lambda _: None)
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    monkeypatch.setattr(command, "Workspace", lambda *_: workspace)
    monkeypatch.setattr(command, "Sandbox", lambda _: sandbox)
    monkeypatch.setattr(command, "prove", prove)
    monkeypatch.setattr(command.View, "tell", gone)

    with pytest.raises(BrokenPipeError):
        command.traffic()

    assert downs == [1]
