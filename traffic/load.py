"""Requests over HTTP/1.1, plain or with TLS, many at a time, and the reply to each."""

import asyncio
import json
import re
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

LOST = 0
"""The status of a request whose connection broke before an answer."""
OK = 200
WORKERS = 40


@dataclass(frozen=True, kw_only=True)
class Target:
    """The address and the content of requests."""

    address: str
    port: int
    host: str
    """The name in the request's header `host`."""
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    """What the client trusts, and its own certificate; None = plain HTTP."""

    @property
    def request(self) -> bytes:
        """The bytes of one request."""
        headers = {"host": self.host, **self.headers}
        lines = [f"GET {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        return "\r\n".join(lines).encode()


@dataclass(frozen=True)
class Reply:
    """The reply to one request."""

    status: int
    seconds: float
    pod: str | None = None
    """The pod that answered; None when a proxy did."""
    version: str | None = None
    caller: str | None = None
    """The caller's identity that the pod got over mutual TLS, or None."""
    location: str | None = None
    """The address that the client is sent to, or None."""


async def ask(target: Target) -> Reply:
    """Send one request on a new connection."""
    connection = _Connection(target)
    reply = await connection.ask()
    connection.close()
    return reply


async def send(
    target: Target, count: int, seen: Callable[[Reply], None], workers: int = WORKERS
) -> None:
    """Send `count` requests, and call `seen` with each reply."""
    tickets = iter(range(count))
    await asyncio.gather(*(_work(target, tickets, seen) for _ in range(min(workers, count))))


async def flow(
    target: Target,
    ended: asyncio.Event,
    seen: Callable[[Reply], None],
    pause: float,
    *,
    reconnects: bool = False,
) -> None:
    """Send one request after the other, until the event is set.

    All on one connection, or each on one of its own.
    """
    connection = _Connection(target)
    while not ended.is_set():
        seen(await connection.ask())
        if reconnects:
            connection.close()
        await asyncio.sleep(pause)
    connection.close()


async def certificate(target: Target) -> bytes:
    """Return the certificate that is served for a target's host, in DER."""
    _, writer = await _open(target)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


async def _open(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(
        target.address,
        target.port,
        ssl=target.tls,
        server_hostname=target.host if target.tls else None,
    )


async def _work(target: Target, tickets: Iterable[int], seen: Callable[[Reply], None]) -> None:
    connection = _Connection(target)
    for _ in tickets:
        seen(await connection.ask())
    connection.close()


class _Connection:
    """A connection that stays open between requests until the proxy closes it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> Reply:
        began = time.perf_counter()
        try:
            status, location, said = await self._exchange()
        except (OSError, EOFError):
            self.close()
            return Reply(LOST, time.perf_counter() - began)
        return Reply(
            status,
            time.perf_counter() - began,
            said.get("pod"),
            said.get("labels", {}).get("version"),
            _caller(said.get("headers", {})),
            location,
        )

    async def _exchange(self) -> tuple[int, str | None, dict]:
        if self._streams is None:
            self._streams = await _open(self._target)
        reader, writer = self._streams
        writer.write(self._target.request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        lines = (line.partition(":") for line in head[1:-2])
        headers = {name.lower(): value.strip() for name, _, value in lines}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self.close()
        is_a_pods = body.startswith(b"{")
        said = json.loads(body) if is_a_pods else {}
        return int(head[0].split()[1]), headers.get("location"), said

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _caller(headers: Mapping[str, str]) -> str | None:
    found = re.search(r"URI=([^;,]+)", headers.get("x-forwarded-client-cert", ""))
    return found[1] if found else None
