"""Requests over plain HTTP/1.1, many at a time, and the reply to each."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

LOST = 0
"""The status of a request whose connection broke before an answer."""
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
    target: Target, ended: asyncio.Event, seen: Callable[[Reply], None], pause: float
) -> None:
    """Send one request after the other on one connection, until the event is set."""
    connection = _Connection(target)
    while not ended.is_set():
        seen(await connection.ask())
        await asyncio.sleep(pause)
    connection.close()


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
            status, said = await self._exchange()
        except (OSError, EOFError):
            self.close()
            return Reply(LOST, time.perf_counter() - began)
        return Reply(
            status,
            time.perf_counter() - began,
            said.get("pod"),
            said.get("labels", {}).get("version"),
            _caller(said.get("headers", {})),
        )

    async def _exchange(self) -> tuple[int, dict]:
        if self._streams is None:
            target = self._target
            self._streams = await asyncio.open_connection(target.address, target.port)
        reader, writer = self._streams
        writer.write(self._target.request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        lines = (line.partition(":") for line in head[1:-2])
        headers = {name.lower(): value.strip() for name, _, value in lines}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self.close()
        is_a_pods = body.startswith(b"{")
        return int(head[0].split()[1]), json.loads(body) if is_a_pods else {}

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _caller(headers: Mapping[str, str]) -> str | None:
    found = re.search(r"URI=([^;,]+)", headers.get("x-forwarded-client-cert", ""))
    return found[1] if found else None
