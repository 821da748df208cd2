"""HTTPS through the real gateway: chain, redirect, hosts, client certificates, renewal."""

import asyncio
import ssl
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from traffic import certificates, load
from traffic.certificates import Pair
from traffic.load import Reply
from traffic.stage import HOST, HTTPS_PORT, TWINS_HOST, Stage

SECRET = "bookinfo-tls"  # noqa: S105 - a name
TWINS_SECRET = "twin-tls"  # noqa: S105 - a name
MOVED = 301
PORTS = {
    "istio": {"port": 443, "targetPort": HTTPS_PORT},
    "gateway-api": {"port": HTTPS_PORT},
}
"""Port for HTTPS by the routing API: on the stage istiod has 443 already."""
LOCATION = {
    "istio": f"https://{HOST}/productpage",
    "gateway-api": f"https://{HOST}:{HTTPS_PORT}/productpage",
}
"""Address that plain HTTP is sent to."""
FEW = 100
PAUSE = 0.01
PATIENCE = 20.0
"""Seconds in which a new certificate must be served."""

Checks = dict[str, bool]


async def check(stage: Stage, api: str, checks: Checks) -> None:
    """Deploy HTTPS by a routing API, and check certificate and redirect."""
    authority, stranger = certificates.authority(), certificates.authority("another CA")
    stage.keep_secret(SECRET, certificates.make(HOST, by=authority).secret)
    await _deploy(stage, api)
    trusted = stage.secure(_context(authority))
    plain = await load.ask(stage.entry({}))
    checks |= {
        f"HTTPS, {api}: who trusts the CA is answered": await _statuses(trusted) == {200},
        f"HTTPS, {api}: who trusts another CA isn't": await _statuses(
            stage.secure(_context(stranger))
        )
        == {load.LOST},
        f"HTTPS, {api}: plain HTTP is redirected": (plain.status, plain.location)
        == (MOVED, LOCATION[api]),
    }


async def check_hosts(stage: Stage, twins: frozenset[str], checks: Checks) -> None:
    """Check that each of two stacks serves its own certificate and its own pods."""
    authority = certificates.authority()
    for name, host in ((SECRET, HOST), (TWINS_SECRET, TWINS_HOST)):
        stage.keep_secret(name, certificates.make(host, by=authority).secret)
    stage.secure_twin(TWINS_SECRET)
    await stage.settle()
    for whose, host, pods in (("first", HOST, stage.pods), ("second", TWINS_HOST, twins)):
        reply = await load.ask(stage.secure(_context(authority), host))
        kept = reply.status == load.OK and reply.pod in pods
        checks[f"HTTPS, two stacks: the {whose} one's host has its certificate and pods"] = kept


async def check_clients(stage: Stage, checks: Checks) -> None:
    """Check that mutual TLS takes a client with a certificate of the CA, and no other."""
    authority = certificates.authority()
    own, stranger = certificates.make(by=authority), certificates.make(by=certificates.authority())
    server = certificates.make(HOST, by=authority)
    stage.keep_secret(SECRET, {**server.secret, "ca.crt": authority.certificate})
    await _deploy(stage, "istio", mode="MUTUAL")
    for who, client, expected in (
        ("with a certificate of the CA is answered", own, load.OK),
        ("without a certificate is refused", None, load.LOST),
        ("with another CA's certificate is refused", stranger, load.LOST),
    ):
        found = await _statuses(stage.secure(_context(authority, client)))
        checks[f"HTTPS, mutual: a client {who}"] = found == {expected}
    await _deploy(stage, "istio")


async def check_renewal(stage: Stage, checks: Checks) -> None:
    """Renew the certificate while requests come on new connections and on an open one."""
    authority = certificates.authority()
    stage.keep_secret(SECRET, certificates.make(HOST, by=authority).secret)
    await stage.settle()
    target = stage.secure(_context(authority))
    before = await load.certificate(target)
    statuses, ended = Counter[int](), asyncio.Event()

    def seen(reply: Reply) -> None:
        statuses[reply.status] += 1

    flows = [
        asyncio.create_task(load.flow(target, ended, seen, PAUSE)),
        asyncio.create_task(load.flow(target, ended, seen, PAUSE, reconnects=True)),
    ]
    try:
        await asyncio.sleep(1)
        stage.keep_secret(SECRET, certificates.make(HOST, by=authority).secret)
        is_new = await _changes(target, before)
        await asyncio.sleep(1)
    finally:
        ended.set()
        await asyncio.gather(*flows)
    checks["HTTPS: a renewed certificate is served"] = is_new
    lost = "HTTPS: no request is lost while the certificate is renewed"
    checks[lost] = set(statuses) == {load.OK} and statuses.total() > FEW


async def _changes(target: load.Target, before: bytes) -> bool:
    """Return whether another certificate is served within the time that istiod may take."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        if await load.certificate(target) != before:
            return True
        await asyncio.sleep(0.1)
    return False


async def _deploy(stage: Stage, api: str, **tls: Any) -> None:
    ports = [
        {"name": "http2", "port": 80, "httpsRedirect": True},
        {"name": "https", **PORTS[api], "tls": {"credentialName": SECRET, **tls}},
    ]
    await stage.deploy({"routingApi": api, "gateways": [{"ports": ports}]})
    await stage.settle()


async def _statuses(target: load.Target) -> set[int]:
    """Return the statuses of some requests, each on a connection of its own."""
    return {(await load.ask(target)).status for _ in range(FEW)}


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
