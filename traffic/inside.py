"""The proof itself, run in an isolated network: a cluster, its data plane, and the requests."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from lightkube.core.exceptions import ApiError

import console
from mesh.bookinfo.services import FRONT, VERSIONS
from mesh.settings import traffic_plan
from mesh.settings.traffic_plan import Rule
from sandbox import toolchain, wheels
from sandbox.cache import ToolchainError
from sandbox.cluster import Sandbox, SandboxError
from sandbox.dataplane import isolation
from sandbox.dataplane.proxy import Programs, ProxyError
from sandbox.programs import ISTIO
from traffic import https, load
from traffic.load import Reply, Target
from traffic.plans import STEPS, Step
from traffic.proof import Measurement
from traffic.stage import GUARDED, TWINS_HOST, Stage, StageError
from traffic.view import View

REQUESTS = 1000
FEW = 100
"""The number of requests if each must go the same way."""
PAUSE = 0.01
"""Seconds between two of the requests that flow while a plan changes."""
COPIES_SECONDS = 0.5
"""Seconds that a mirrored request may arrive later than the answer to its original."""


@dataclass
class Proof:
    """The results of all measurements and checks."""

    measurements: list[Measurement] = field(default_factory=list)
    flows: dict[str, Counter[int]] = field(default_factory=dict)
    """Statuses of the replies while a plan changed, by plan and service."""
    checks: dict[str, bool] = field(default_factory=dict)
    """Statements, and whether each is true."""

    def sentences(self) -> Iterator[tuple[str, bool]]:
        """Yield the results that the table lacks, and whether each is as it should be."""
        for flow, statuses in self.flows.items():
            yield f"{flow}: {statuses[200]} of {statuses.total()} answered", set(statuses) == {200}
        yield from self.checks.items()

    def broken(self) -> list[str]:
        """Return every promise that wasn't kept."""
        return [
            *(f"{m.name}: {what}" for m in self.measurements for what in m.broken()),
            *(f"failed: {sentence}" for sentence, is_so in self.sentences() if not is_so),
        ]

    def report(self) -> dict[str, Any]:
        """Return all numbers."""
        return {
            "measurements": [measurement.report() for measurement in self.measurements],
            "flows": {flow: dict(statuses) for flow, statuses in self.flows.items()},
            "checks": self.checks,
            "broken": self.broken(),
        }


async def prove(stage: Stage, view: View, proof: Proof) -> None:
    """Deploy one plan after the other, and measure each."""
    first, *others = STEPS
    with view.doing("a cluster, with Istio and Bookinfo"):
        await stage.deploy(first.settings)
    with view.doing("servers for the fake pods, and real proxies for three of them"):
        await stage.start()
        await stage.settle()
    await _measure_plan(stage, view, first, proof)
    api = first.api
    for step in others:
        if step.api == api:
            async with _flowing(stage, step.name, proof):
                with view.doing(f"{step.name}: pulumi up, while requests flow"):
                    await stage.deploy(step.settings)
                    await stage.settle()
        else:
            api = step.api
            with view.doing("a second stack's Bookinfo next to the first"):
                twins = await _check_two_stacks(stage, proof)
            with view.doing("HTTPS: chain, redirect, hosts, clients, renewal"):
                await https.check(stage, "istio", proof.checks)
                await https.check_hosts(stage, twins, proof.checks)
                await https.check_clients(stage, proof.checks)
                await https.check_renewal(stage, proof.checks)
            with view.doing(f"{step.name}: pulumi up, with another gateway"):
                await stage.deploy(step.settings)
                await stage.start_gateway(api)
                await stage.settle()
        await _measure_plan(stage, view, step, proof)
    with view.doing("hosts and mutual TLS"):
        await _check_hosts(stage, proof)
        await _check_mutual_tls(stage, proof)
    with view.doing("HTTPS by the Gateway API"):
        await https.check(stage, "gateway-api", proof.checks)


async def _measure_plan(stage: Stage, view: View, step: Step, proof: Proof) -> None:
    with view.doing(f"{step.name}: {REQUESTS} requests of each kind"):
        for service in VERSIONS:
            for rule in traffic_plan.rules(step.plan, service) or (Rule(),):
                measurement = Measurement(plan=step.name, service=service, rule=rule)
                proof.measurements.append(measurement)
                view.add(measurement)
                await _measure(stage, measurement)
                # One of a thousand fails by chance; measured twice, only one of a million.
                if measurement.broken():
                    measurement.forget()
                    await _measure(stage, measurement)
                measurement.done = True


async def _measure(stage: Stage, measurement: Measurement) -> None:
    arrived_before = stage.arrivals
    target = _target(stage, measurement.service, measurement.rule.headers)
    await load.send(target, REQUESTS, measurement.replies.append)
    await asyncio.sleep(COPIES_SECONDS)
    arrived = stage.arrivals - arrived_before
    answered = Counter(reply.pod for reply in measurement.replies)
    for pod, count in arrived.items():
        if copies := count - answered[pod]:
            measurement.copies[stage.version(pod)] += copies


def _target(stage: Stage, service: str, headers: Mapping[str, str]) -> Target:
    return stage.entry(headers) if service == FRONT else stage.inside(service, headers)


@asynccontextmanager
async def _flowing(stage: Stage, plan: str, proof: Proof) -> AsyncGenerator[None]:
    """Let requests flow while the block runs, from outside and between services."""
    ended = asyncio.Event()
    flows = []
    for service in (FRONT, "reviews"):
        statuses = proof.flows[f"requests to {service} while {plan!r} came"] = Counter()
        target = _target(stage, service, {})

        def seen(reply: Reply, statuses: Counter[int] = statuses) -> None:
            statuses[reply.status] += 1

        flows.append(asyncio.create_task(load.flow(target, ended, seen, PAUSE)))
    try:
        yield
    finally:
        ended.set()
        await asyncio.gather(*flows)


async def _check_hosts(stage: Stage, proof: Proof) -> None:
    ours = await load.ask(stage.entry({}))
    others = await load.ask(stage.entry({}, host="bookinfo.other.localhost"))
    proof.checks["the gateway answers for the stack's host"] = ours.status == 200
    proof.checks["the gateway knows no other stack's host"] = others.status == 404


async def _check_two_stacks(stage: Stage, proof: Proof) -> frozenset[str]:
    twins = await stage.start_twin()
    await stage.settle()
    ours = stage.pods
    for sentence, target, pods in (
        ("the first one's host is answered by its own pods", stage.entry({}), ours),
        ("the second's host is answered by its own", stage.entry({}, host=TWINS_HOST), twins),
        ("the first one's services ask each other", stage.inside("reviews", {}), ours),
    ):
        proof.checks[f"two stacks: {sentence}"] = await _answering(target) <= pods
    return twins


async def _answering(target: Target) -> set[str]:
    """Return the pods that answer a hundred requests; an empty name for a missing answer."""
    replies: list[Reply] = []
    await load.send(target, FEW, replies.append)
    return {reply.pod or "" for reply in replies}


async def _check_mutual_tls(stage: Stage, proof: Proof) -> None:
    plaintext = await load.ask(stage.bypass())
    proof.checks["permissive: plain text reaches a pod"] = plaintext.status == 200
    await stage.deploy({**STEPS[-1].settings, "mtls": "strict"})
    await stage.settle()
    plaintext = await load.ask(stage.bypass())
    proof.checks["strict: plain text is refused"] = plaintext.status == load.LOST
    mutual = await load.ask(stage.inside(GUARDED, {}))
    proof.checks["strict: the mesh's own requests come through"] = mutual.status == 200
    is_known = mutual.caller is not None and mutual.caller.endswith(f"/sa/bookinfo-{FRONT}")
    proof.checks["strict: the pod knows who asks"] = is_known


def main(name: str, report: str | None = None) -> int:
    """Run the whole proof in the named sandbox, and return the exit code."""
    isolation.set_up()
    agent = toolchain.ensure((ISTIO,))["pilot-agent"]
    programs = Programs(
        pilot_agent=agent,
        envoy=wheels.envoy_program(),
        bootstrap=agent.parent / "envoy_bootstrap.json",
    )
    proof, view = Proof(), View()

    async def all_of_it() -> None:
        stage = Stage(Sandbox(name), programs)
        try:
            await prove(stage, view, proof)
        finally:
            await stage.end()

    with view.shown():
        asyncio.run(all_of_it())
    view.tell(proof.sentences())
    if report is not None:
        Path(report).write_text(json.dumps(proof.report(), indent=1))
    for what in proof.broken():
        console.error(what)
    return 1 if proof.broken() else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (ProxyError, SandboxError, StageError, ToolchainError) as problem:
        console.error(str(problem))
        sys.exit(1)
    except (ApiError, httpx2.HTTPError) as problem:
        console.error(f"a request to the sandbox's API server failed: {problem!r}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
