"""Requests over HTTP/1.1, plain or with TLS, many at a time, and the reply to each.

`python -m traffic.load JOB` sends the requests of a job in JSON and prints each reply: in this way
they are sent from a pod's network.
"""

import asyncio
import hashlib
import itertools
import json
import os
import ssl
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
LOST = 0
"""The status of a request whose connection broke, or that got no answer in time."""
PATIENCE = 60.0
"""Seconds in which a request must be answered: who has gone with its network closes nothing."""
INCOMPLETE = 1
"""The status of a page that says that a service didn't answer productpage."""
OK = 200
UNAVAILABLE = b"currently unavailable"
"""The words of productpage, and of reviews, in place of what another service didn't answer."""
PROGRAM = "x-sandbox-program"
"""The header of the sandbox's servers: service and version, such as `reviews v2 of the sandbox`."""
WORKERS = 40


class LoadError(Exception):
    """Requests can't be sent from where they should be."""


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


@dataclass(frozen=True, kw_only=True)
class Job:
    """Requests to a target: a number of them, or as many as can be until the job is ended."""

    target: Target
    count: int | None = None
    workers: int = WORKERS
    pause: float = 0.0
    """Seconds between two requests of a worker."""
    reconnects: bool = False
    """Whether each request has a connection of its own."""


@dataclass(frozen=True)
class Reply:
    """The reply to one request."""

    status: int
    seconds: float
    version: str | None = None
    """The version that answered, if it is a server of the sandbox's own."""
    pod: str | None = None
    """The pod of reviews that answered."""
    location: str | None = None
    """The address that the client is sent to."""
    certificate: str | None = None
    """A hash of the certificate that was served."""


Seen = Callable[[Reply], None]


async def send(
    job: Job, seen: Seen, *, ended: asyncio.Event | None = None, at: Sequence[str] = ()
) -> None:
    """Send the requests, and call `seen` with each reply; `ended` ends a job without a number.

    `at` is the beginning of a command that runs the rest of it elsewhere, such as in a pod's
    network. Raises LoadError when that fails.
    """
    if at:
        await _send_elsewhere(job, seen, ended or asyncio.Event(), at)
        return
    numbers = itertools.count() if job.count is None else iter(range(job.count))
    workers = job.workers if job.count is None else min(job.workers, job.count)
    await asyncio.gather(*(_work(job, numbers, seen, ended) for _ in range(workers)))


async def ask(target: Target, *, at: Sequence[str] = ()) -> Reply:
    """Send one request on a new connection."""
    replies: list[Reply] = []
    await send(Job(target=target, count=1), replies.append, at=at)
    return replies[0]


async def _send_elsewhere(job: Job, seen: Seen, ended: asyncio.Event, at: Sequence[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*at, sys.executable, "-m", "traffic.load", json.dumps(asdict(job))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    pipe = process.stdin
    assert pipe is not None  # noqa: S101 - it is a pipe
    assert process.stdout is not None  # noqa: S101 - it is a pipe

    async def end() -> None:
        await ended.wait()
        pipe.close()

    ending = asyncio.create_task(end())
    try:
        async for line in process.stdout:
            seen(Reply(**json.loads(line)))
    finally:
        ending.cancel()
        pipe.close()
        code = await process.wait()
    if code:
        raise LoadError(f"requests can't be sent by `{' '.join(at)}`: it ended with {code}")


async def _work(job: Job, numbers: Iterable[int], seen: Seen, ended: asyncio.Event | None) -> None:
    connection = _Connection(job.target)
    for _ in numbers:
        if ended is not None and ended.is_set():
            break
        seen(await connection.ask())
        if job.reconnects:
            connection.close()
        if job.pause:
            await asyncio.sleep(job.pause)
    connection.close()


class _Connection:
    """A connection that stays open between requests until the proxy closes it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._certificate: str | None = None

    async def ask(self) -> Reply:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                status, headers, body = await self._exchange()
        except (OSError, EOFError):
            self.close()
            return Reply(LOST, time.perf_counter() - began)
        return Reply(
            INCOMPLETE if status == OK and UNAVAILABLE in body else status,
            time.perf_counter() - began,
            version=next(iter(headers.get(PROGRAM, "").split()[1:2]), None),
            pod=json.loads(body).get("podname") if body.startswith(b"{") else None,
            location=headers.get("location"),
            certificate=self._certificate,
        )

    async def _exchange(self) -> tuple[int, dict[str, str], bytes]:
        if self._streams is None:
            await self._open()
        assert self._streams is not None  # noqa: S101 - it is open
        reader, writer = self._streams
        writer.write(self._target.request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        lines = (line.partition(":") for line in head[1:-2])
        headers = {name.lower(): value.strip() for name, _, value in lines}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self.close()
        return int(head[0].split()[1]), headers, body

    async def _open(self) -> None:
        target = self._target
        name = target.host if target.tls else None
        self._streams = await asyncio.open_connection(
            target.address, target.port, ssl=target.tls, server_hostname=name
        )
        if target.tls:
            served = self._streams[1].get_extra_info("ssl_object").getpeercert(binary_form=True)
            self._certificate = hashlib.sha256(served).hexdigest()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def main(text: str) -> None:
    """Send the requests of a job, until the standard input is closed if it has no number."""
    given: dict[str, Any] = json.loads(text)
    job = Job(target=Target(**given.pop("target")), **given)

    async def run() -> None:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        # Nothing is written to it: that it can be read means that it was closed.
        loop.add_reader(sys.stdin, lambda: (loop.remove_reader(sys.stdin), ended.set()))
        await send(job, lambda reply: print(json.dumps(asdict(reply)), flush=True), ended=ended)

    asyncio.run(run())


if __name__ == "__main__":
    main(sys.argv[1])
