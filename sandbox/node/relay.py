"""Relays: bytes between a connection in one network and a connection in another."""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

log = logging.getLogger("node")

T = TypeVar("T")
CHUNK_BYTES = 65536
Dial = Callable[[tuple[str, int]], socket.socket]
"""The other side of a connection that was accepted at an address. Raises OSError without one."""


class Relays:
    """All relays of the node, in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        """Run something in the relays' thread, and return its result."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    def start(self, listening: socket.socket, dial: Dial) -> Callable[[], None]:
        """Relay every connection that the socket accepts; return what ends that."""

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _relay(reader, writer, dial)

        listening.setblocking(False)
        server = self.run(asyncio.start_server(accepted, sock=listening))

        def end() -> None:
            self._loop.call_soon_threadsafe(server.close)

        return end


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dial: Dial) -> None:
    try:
        other = await asyncio.to_thread(dial, writer.get_extra_info("sockname"))
        other.setblocking(False)
        theirs, ours = await asyncio.open_connection(sock=other)
    except OSError as error:
        log.info("a connection has no other side: %s", error)
        writer.close()
        return
    await asyncio.gather(_pipe(reader, ours), _pipe(theirs, writer))
    for each in (ours, writer):
        each.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()
