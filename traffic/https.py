"""HTTPS through the real gateway: chain, redirect, hosts, client certificates, renewal."""

import asyncio
import ssl
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from traffic import certificates, load, twin
from traffic.certificates import Pair
from traffic.load import OK, Job, Reply, Target
from traffic.stack import HOST, NAMESPACE, PRODUCTS, REVIEWS, Stack
from traffic.twin import TWIN, TWINS_HOST

SECRET = "bookinfo-tls"  # noqa: S105 - a name
TWINS_SECRET = "twin-tls"  # noqa: S105 - a name
MOVED = 301
FEW = 100
WORKERS = 10
PAUSE = 0.01
PATIENCE = 20.0
"""Seconds in which a certificate must be served, and enough requests sent."""

Checks = dict[str, bool]


async def check(stack: Stack, checks: Checks, **settings: Any) -> ssl.SSLContext:
    """Deploy HTTPS, and check certificate and redirect; return what trusts the certificate."""
    authority, stranger = certificates.authority(), certificates.authority("another CA")
    stack.keep_secret(SECRET, certificates.make(HOST, by=authority).secret)
    await _deploy(stack, **settings)
    api = stack.settings["routingApi"]
    trusting = _context(authority)
    found = await _statuses(stack.entry(tls=trusting))
    checks[f"HTTPS, {api}: who trusts the CA is answered"] = found == {OK}
    found = await _statuses(stack.entry(tls=_context(stranger)))
    checks[f"HTTPS, {api}: who trusts another CA isn't"] = found == {load.LOST}
    plain = await load.ask(stack.entry())
    moved = (MOVED, f"https://{HOST}{PRODUCTS}")
    checks[f"HTTPS, {api}: plain HTTP is redirected"] = (plain.status, plain.location) == moved
    return trusting


async def check_hosts(stack: Stack, checks: Checks) -> None:
    """Check that each of two stacks serves its own certificate and its own pods."""
    authority = certificates.authority()
    for name, host in ((SECRET, HOST), (TWINS_SECRET, TWINS_HOST)):
        stack.keep_secret(name, certificates.make(host, by=authority).secret)
    twin.secure(stack.client, TWINS_SECRET)
    await stack.settle()
    for whose, host, namespace in (
        ("first", HOST, NAMESPACE),
        ("second", TWINS_HOST, TWIN),
    ):
        reply = await load.ask(stack.entry(REVIEWS, host=host, tls=_context(authority)))
        kept = reply.status == OK and reply.pod in stack.pods(namespace)
        checks[f"HTTPS, two stacks: the {whose} one's host has its certificate and pods"] = kept


async def check_renewal(stack: Stack, checks: Checks) -> None:
    """Renew the certificate while requests come on new connections and on an open one."""
    authority = certificates.authority()
    stack.keep_secret(SECRET, certificates.make(HOST, by=authority).secret)
    await stack.settle()
    target = stack.entry(tls=_context(authority))
    statuses, ended = Counter[int](), asyncio.Event()
    served: list[str | None] = [None]

    def seen(reply: Reply) -> None:
        statuses[reply.status] += 1

    def seen_anew(reply: Reply) -> None:
        seen(reply)
        served.append(reply.certificate)

    one = Job(target=target, workers=1, pause=PAUSE)
    many = Job(target=target, workers=1, pause=PAUSE, reconnects=True)
    flows = asyncio.gather(
        load.send(one, seen, ended=ended), load.send(many, seen_anew, ended=ended)
    )
    try:
        await _until(lambda: served[-1] is not None)
        before = served[-1]
        stack.keep_secret(SECRET, certificates.make(HOST, by=authority).secret)
        await _until(lambda: served[-1] not in (before, None) and statuses.total() > FEW)
        await asyncio.sleep(1)
    finally:
        ended.set()
        await flows
    checks["HTTPS: a renewed certificate is served"] = served[-1] not in (before, None)
    lost = "HTTPS: no request is lost while the certificate is renewed"
    checks[lost] = set(statuses) == {OK} and statuses.total() > FEW


async def _until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, or PATIENCE has run out."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not is_so() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.1)


async def check_clients(stack: Stack, checks: Checks) -> None:
    """Check that mutual TLS takes a client with a certificate of the CA, and no other."""
    authority = certificates.authority()
    own, stranger = certificates.make(by=authority), certificates.make(by=certificates.authority())
    server = certificates.make(HOST, by=authority)
    stack.keep_secret(SECRET, {**server.secret, "ca.crt": authority.certificate})
    await _deploy(stack, mode="MUTUAL")
    for who, client, expected in (
        ("with a certificate of the CA is answered", own, OK),
        ("without a certificate is refused", None, load.LOST),
        ("with another CA's certificate is refused", stranger, load.LOST),
    ):
        found = await _statuses(stack.entry(tls=_context(authority, client)))
        checks[f"HTTPS, mutual: a client {who}"] = found == {expected}


async def _deploy(stack: Stack, mode: str = "SIMPLE", **settings: Any) -> None:
    ports = [
        {"name": "http2", "port": 80, "httpsRedirect": True},
        {"name": "https", "port": 443, "tls": {"credentialName": SECRET, "mode": mode}},
    ]
    await stack.deploy(gateways=[{"ports": ports}], **settings)
    await stack.settle()


async def _statuses(target: Target) -> set[int]:
    """Return the statuses of some requests, each on a connection of its own."""
    statuses: set[int] = set()
    job = Job(target=target, count=FEW, workers=WORKERS, reconnects=True)
    await load.send(job, lambda reply: statuses.add(reply.status))
    return statuses


def _context(authority: Pair, client: Pair | None = None) -> ssl.SSLContext:
    """Return a client's context that trusts one CA only, and has a certificate if one is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.certificate)
    if client is not None:
        with tempfile.TemporaryDirectory() as folder:  # Python reads them from files only
            file = Path(folder, "client.pem")
            file.touch(mode=0o600)
            file.write_text(client.certificate + client.key)
            context.load_cert_chain(file)
    return context
