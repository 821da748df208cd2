"""A steady rate of requests to a sandbox's page, and the memory of the sandbox's processes.

`python -m traffic.rate` asks the page of the stack `dev` 100 times a second for a minute.
"""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from typing import Annotated

import psutil
import typer

import console
from sandbox import processes
from sandbox.cluster import Sandbox
from sandbox.node import entrance
from traffic import load
from traffic.load import OK, Reply, Target
from traffic.stack import PAGE

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def rate(
    sandbox: Annotated[str, typer.Option(help="The sandbox that runs.")] = "default",
    host: Annotated[str, typer.Option(help="Bookinfo's host.")] = "bookinfo.dev.localhost",
    path: Annotated[str, typer.Option(help="The page.")] = PAGE,
    per_second: Annotated[int, typer.Option(help="Requests a second.")] = 100,
    seconds: Annotated[int, typer.Option(help="How long.")] = 60,
) -> None:
    """Ask a page at a steady rate, each time on a new connection."""
    known = Sandbox(sandbox)
    if not known.folder.exists():
        raise console.UserError(f"sandbox {sandbox} doesn't exist: run `make up SANDBOX={sandbox}`")
    if known.why_fake is not None:
        raise console.UserError(f"pods of sandbox {sandbox} are only objects: {known.why_fake}")
    target = Target(address="127.0.0.1", port=_port(known), host=host, path=path)
    with console.alive(f"asking {host}{path} {per_second} times a second, for {seconds} s"):
        replies = asyncio.run(_send(target, per_second, seconds))
    statuses = Counter(reply.status for reply in replies)
    times = sorted(reply.seconds for reply in replies)
    p50, p99 = (times[int(share * len(times))] * 1000 for share in (0.5, 0.99))
    others = {status: count for status, count in statuses.items() if status != OK}
    print(f"{statuses[OK]} of {len(replies)} answered with 200, others: {others or 'none'}")
    print(f"p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    print(f"memory of all processes: {_memory(known) / 2**20:.0f} MiB (PSS)")


def _port(sandbox: Sandbox) -> int:
    """Return the port of 127.0.0.1 that stands in for the gateway's port 80."""
    file = sandbox.local_ports
    for each in json.loads(file.read_text()) if file.exists() else []:
        if each["port"] == 80:
            return each["local"]
    raise console.UserError(
        f"no gateway of sandbox {sandbox.name} has pods at port 80: run `make up "
        f"SANDBOX={sandbox.name}` first"
    )


async def _send(target: Target, per_second: int, seconds: int) -> list[Reply]:
    """Send each request at its time, whether earlier ones are answered or not."""
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), []
    for number in range(per_second * seconds):
        await asyncio.sleep(max(0.0, began + number / per_second - loop.time()))
        sent.append(asyncio.create_task(load.ask(target)))
    return await asyncio.gather(*sent)


def _memory(sandbox: Sandbox) -> int:
    """Return the bytes of all processes of a sandbox; what several share is counted once."""
    found = {*processes.all_of(sandbox.folder), *entrance.of_node(sandbox.folder)}
    for each in tuple(found):
        with suppress(psutil.NoSuchProcess):  # a probe, say
            found.update(each.children(recursive=True))
    total = 0
    for each in found:
        with suppress(psutil.NoSuchProcess):
            total += each.memory_full_info().pss
    return total


if __name__ == "__main__":
    console.run(app)
