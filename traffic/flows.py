"""Requests that flow while something changes: each must be answered."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from traffic import load
from traffic.load import Job, Reply, Target
from traffic.proof import Proof

PAUSE = 0.01
"""Seconds between two requests of a flow."""


@asynccontextmanager
async def flowing(
    proof: Proof,
    change: str,
    target: Target,
    *,
    at: Sequence[str] = (),
    workers: int = 1,
    reconnects: bool = False,
) -> AsyncGenerator[None]:
    """Let requests flow while the block runs, on open connections or each on its own."""
    how = ", each on its own connection" if reconnects else ""
    name = f"requests to {target.host}{target.path}{how} while {change}"
    statuses = proof.flows[name] = Counter()

    def seen(reply: Reply) -> None:
        statuses[reply.status] += 1

    job = Job(target=target, workers=workers, pause=PAUSE, reconnects=reconnects)
    ended = asyncio.Event()
    flow = asyncio.create_task(load.send(job, seen, ended=ended, at=at))
    try:
        yield
    finally:
        ended.set()
        await flow
