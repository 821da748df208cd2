"""The proof: one plan after the other, an upgrade, security and HTTPS, each by `pulumi up`."""

import asyncio
import itertools
import ssl
from typing import Any

from mesh.bookinfo.services import FRONT, HEALTH, VERSIONS
from mesh.settings import traffic_plan
from mesh.settings.traffic_plan import Rule
from traffic import https, load, security, twin
from traffic.flows import flowing
from traffic.load import OK, Job
from traffic.plans import ALL_VERSIONS, CANARY, FAULTS, GATEWAY_API, Step
from traffic.proof import Measurement, Proof
from traffic.stack import CALLERS, HOST, NAMESPACE, REVIEWS, Stack
from traffic.twin import TWIN, TWINS_HOST
from traffic.upgrade import Upgrade, drift
from traffic.view import View

REQUESTS = 1000
FEW = 100
"""The number of requests if each must go the same way."""
COPIES_SECONDS = 0.5
"""Seconds that a mirrored request may arrive later than the answer to its original."""
NOT_FOUND = 404

_marks = itertools.count(1)


async def prove(stack: Stack, view: View, proof: Proof, upgrade: Upgrade) -> None:
    """Deploy one thing after the other, and prove each."""
    with view.doing("a cluster, with Istio and Bookinfo"):
        await stack.deploy(**ALL_VERSIONS.settings, **upgrade.before)
        await stack.settle()
    with view.doing("hosts, and plain text between pods"):
        await _check_hosts(stack, proof)
        await security.check_permissive(stack, proof)
    await _measure_plan(stack, view, ALL_VERSIONS, proof)
    with view.doing(f"{CANARY.name}, and a second control plane: pulumi up, while requests flow"):
        await _change_plan(stack, CANARY, proof, **upgrade.beside)
    await _measure_plan(stack, view, CANARY, proof)
    with view.doing("all pods move to the second control plane, and routes are put back"):
        await drift(stack, proof)
        await upgrade.move(stack, proof)
        await _check_routes(stack, proof)
    with view.doing("the first control plane goes, and security comes"):
        await upgrade.promote(stack, proof)
        await security.check(stack, proof)
    with view.doing(f"{FAULTS.name}: pulumi up, while requests flow"):
        await _change_plan(stack, FAULTS, proof)
    await _measure_plan(stack, view, FAULTS, proof)
    with view.doing("a second stack's Bookinfo next to the first"):
        await _check_two_stacks(stack, proof)
    with view.doing("HTTPS: chain, redirect, hosts, renewal, clients"):
        await https.check(stack, proof.checks)
        await https.check_hosts(stack, proof.checks)
        await https.check_renewal(stack, proof.checks)
        await https.check_clients(stack, proof.checks)
    with view.doing(f"{GATEWAY_API.name}: pulumi up, with another gateway, and HTTPS"):
        trusting = await https.check(stack, proof.checks, **GATEWAY_API.settings)
    await _measure_plan(stack, view, GATEWAY_API, proof, trusting)


async def _measure_plan(
    stack: Stack, view: View, step: Step, proof: Proof, tls: ssl.SSLContext | None = None
) -> None:
    with view.doing(f"{step.name}: {REQUESTS} requests of each kind"):
        for service in VERSIONS:
            for rule in traffic_plan.rules(step.plan, service) or (Rule(),):
                measurement = Measurement(plan=step.name, service=service, rule=rule)
                proof.measurements.append(measurement)
                view.add(measurement)
                await _measure(stack, measurement, tls)
                # One of a thousand fails by chance; measured twice, only one of a million.
                if measurement.broken():
                    measurement.forget()
                    await _measure(stack, measurement, tls)
                measurement.done = True


async def _measure(
    stack: Stack, measurement: Measurement, tls: ssl.SSLContext | None = None
) -> None:
    service, headers = measurement.service, measurement.rule.headers
    if service == FRONT:
        job = Job(target=stack.entry(headers=headers, tls=tls), count=REQUESTS)
        await load.send(job, measurement.replies.append)
        return
    mark = f"measurement={next(_marks)}"
    job = Job(target=stack.inside(service, f"{HEALTH}?{mark}", headers), count=REQUESTS)
    await load.send(job, measurement.replies.append, at=stack.at(CALLERS[service]))
    await asyncio.sleep(COPIES_SECONDS)
    measurement.copies = stack.arrivals(service, f"{mark} ") - measurement.versions


async def _change_plan(stack: Stack, step: Step, proof: Proof, **settings: Any) -> None:
    change = f"{step.name!r} came"
    async with (
        flowing(proof, change, stack.entry(REVIEWS)),
        flowing(proof, change, stack.inside("reviews"), at=stack.at(FRONT)),
    ):
        await stack.deploy(**step.settings, **settings)
        await stack.settle()


async def _check_hosts(stack: Stack, proof: Proof) -> None:
    ours = await load.ask(stack.entry())
    others = await load.ask(stack.entry(host="bookinfo.other.localhost"))
    proof.checks["the gateway answers for the stack's host"] = ours.status == OK
    proof.checks["the gateway knows no other stack's host"] = others.status == NOT_FOUND


async def _check_routes(stack: Stack, proof: Proof) -> None:
    """Check that the plan is as it was before somebody changed the routes."""
    rule = traffic_plan.rules(CANARY.plan, "reviews")[-1]
    measurement = Measurement(plan=CANARY.name, service="reviews", rule=rule)
    await _measure(stack, measurement)
    proof.checks["drift: the plan's routes are put back"] = not measurement.broken()


async def _check_two_stacks(stack: Stack, proof: Proof) -> None:
    await asyncio.to_thread(twin.make, stack.client)
    await stack.settle()
    for whose, host, namespace in (("first", HOST, NAMESPACE), ("second", TWINS_HOST, TWIN)):
        replies: list[load.Reply] = []
        await load.send(Job(target=stack.entry(REVIEWS, host=host), count=FEW), replies.append)
        kept = {reply.pod for reply in replies} <= set(stack.pods(namespace, app="reviews"))
        proof.checks[f"two stacks: the {whose} one's host is answered by its own pods"] = kept
