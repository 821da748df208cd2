"""The kubelet's API on loopback: what the API server asks for `kubectl logs` and `kubectl exec`.

Only the API server is let in, by its client certificate. Everybody on this machine can connect, but
gets no answer.
"""

import asyncio
import json
import logging
import mmap
import os
import signal
import socket
import ssl
import termios
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Request
from wsproto.utilities import RemoteProtocolError

log = logging.getLogger("node")

CHUNK_BYTES = 65536
HEAD_SECONDS = 10.0
"""The time in which a request must be there."""
FOLLOW_SECONDS = 0.2
"""The time between two looks at a log that is followed."""
LEFT_SECONDS = 1.0
"""The time in which output must end after its program: what the program started may hold it."""
STDIN, STDOUT, STDERR, STATUS, RESIZE, END = 0, 1, 2, 3, 4, 255
"""The channels of a message: its first byte."""
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
FEATURE = "ExtendWebSocketsToKubelet"
"""What a node declares so that the API server passes WebSockets on, in place of SPDY."""


class RefusedError(Exception):
    """A request can't be answered; the message is shown by kubectl."""


@dataclass(frozen=True)
class Log:
    """The log of a container."""

    file: Path
    goes_on: Callable[[], bool]
    """Whether its program still writes to it."""


@dataclass(frozen=True)
class Command:
    """A program in a container."""

    words: Sequence[str]
    environment: Mapping[str, str]


class Containers(Protocol):
    """The containers of a node. What it can't do raises RefusedError."""

    def log(self, namespace: str, pod: str, container: str, *, previous: bool) -> Log:
        """Return the log of a container."""

    def command(self, namespace: str, pod: str, container: str, words: Sequence[str]) -> Command:
        """Return how to run a program in a container."""


def tls(pki: Path) -> ssl.SSLContext:
    """Return the TLS of a server that lets in who has the API server's own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    context.verify_mode = ssl.CERT_REQUIRED
    # Trusted is this one certificate, not all that the cluster's CA signs.
    context.load_verify_locations(pki / "admin.crt")
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


@dataclass(frozen=True)
class KubeletApi:
    """The server of the kubelet's API."""

    containers: Containers

    async def serve(self, listening: socket.socket, context: ssl.SSLContext) -> asyncio.Server:
        """Answer requests at a socket."""
        return await asyncio.start_server(
            self._answer, sock=listening, ssl=context, ssl_handshake_timeout=HEAD_SECONDS
        )

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            try:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
                await self._route(head, reader, writer)
            except (RefusedError, RemoteProtocolError, ValueError) as refused:
                body = str(refused).encode()
                writer.write(
                    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n"
                    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
                )
                await writer.drain()
        writer.close()

    async def _route(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        target = urlsplit(head.split(b" ", 2)[1].decode())
        query = parse_qs(target.query)
        match [unquote(part) for part in target.path.split("/")[1:]]:
            case ["containerLogs", namespace, pod, container]:
                previous = _is_set(query, "previous")
                found = self.containers.log(namespace, pod, container, previous=previous)
                await _send_log(found, query, reader, writer)
            case ["exec", namespace, pod, container]:
                words = query.get("command", [])
                command = self.containers.command(namespace, pod, container, words)
                await _execute(command, query, head, reader, writer)
            case [what, *_]:
                raise RefusedError(f"a sandbox's node has no {what}, only logs and exec")


async def _send_log(
    found: Log,
    query: Mapping[str, list[str]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    if timed := query.keys() & {"sinceSeconds", "sinceTime", "timestamps"}:
        raise RefusedError(f"the logs of a sandbox's pods have no times: got {', '.join(timed)}")
    if not found.file.exists():
        raise RefusedError("there is no log: the container wasn't started, or not twice")
    left = int(query["limitBytes"][0]) if "limitBytes" in query else None
    tail = int(query["tailLines"][0]) if "tailLines" in query else None
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n")
    is_gone = asyncio.create_task(reader.read(1))
    with found.file.open("rb") as file:
        if tail is not None:
            file.seek(_start_of_tail(file, tail))
        while left is None or left > 0:
            goes_on = found.goes_on()
            chunk = file.read(CHUNK_BYTES if left is None else min(left, CHUNK_BYTES))
            left = left and left - len(chunk)
            writer.write(chunk)
            await writer.drain()
            if not chunk:
                if not (goes_on and _is_set(query, "follow")):
                    break
                await asyncio.wait({is_gone}, timeout=FOLLOW_SECONDS)
                if is_gone.done():
                    break
    is_gone.cancel()


def _start_of_tail(file: BinaryIO, lines: int) -> int:
    """Return where the last lines of a file begin."""
    size = os.fstat(file.fileno()).st_size
    if size == 0 or lines == 0:
        return size
    with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
        end = size - (content[size - 1] == ord("\n"))
        for _ in range(lines):
            end = content.rfind(b"\n", 0, end)
            if end < 0:
                return 0
        return end + 1


async def _execute(
    command: Command,
    query: Mapping[str, list[str]],
    head: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    session = _Session(reader, writer)
    accepted = session.accept(head)
    has_input, is_terminal = _is_set(query, "input"), _is_set(query, "tty")
    started = _start_in_terminal if is_terminal else _start
    try:
        process, outputs, put, resize = await started(command, has_input=has_input)
    except OSError as error:
        raise RefusedError(f"{command.words[0]} can't be started: {error}") from error
    writer.write(accepted)
    pumps = asyncio.gather(*(session.pump(source, channel) for source, channel in outputs))
    hearing = asyncio.create_task(session.listen(put, resize))
    ended = asyncio.create_task(process.wait())
    await asyncio.wait({hearing, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():  # whoever asked has gone
        with suppress(ProcessLookupError):
            # First alone: `setsid` may not have made the group yet.
            process.kill()
            os.killpg(process.pid, signal.SIGKILL)
    code = await ended
    await asyncio.wait({pumps}, timeout=LEFT_SECONDS)
    pumps.cancel()
    hearing.cancel()
    await session.say(STATUS, _status(code))
    session.close()


class _Session:
    """A WebSocket whose messages have a channel in their first byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._socket = WSConnection(ConnectionType.SERVER)

    def accept(self, head: bytes) -> bytes:
        """Return the answer to the request that asks for the WebSocket."""
        if b"upgrade: websocket" not in head.lower():
            raise RefusedError(
                "exec works over WebSockets only: use kubectl 1.31 or newer, without "
                "KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false"
            )
        self._socket.receive_data(head)
        request = next(self._socket.events())
        offered = request.subprotocols if isinstance(request, Request) else []
        protocol = next((each for each in PROTOCOLS if each in offered), None)
        if protocol is None:
            raise RefusedError(f"exec needs one of {', '.join(PROTOCOLS)}: got {offered}")
        return self._socket.send(AcceptConnection(subprotocol=protocol))

    async def say(self, channel: int, data: bytes) -> None:
        """Send a message."""
        self._writer.write(self._socket.send(BytesMessage(data=bytes([channel]) + data)))
        await self._writer.drain()

    async def pump(self, source: asyncio.StreamReader, channel: int) -> None:
        """Send all output of a program."""
        with suppress(OSError):  # a terminal that is closed
            while chunk := await source.read(CHUNK_BYTES):
                await self.say(channel, chunk)

    async def listen(
        self,
        put: Callable[[bytes | None], Awaitable[None]],
        resize: Callable[[int, int], None],
    ) -> None:
        """Pass input on until the other side goes."""
        message = b""
        while data := await self._reader.read(CHUNK_BYTES):
            self._socket.receive_data(data)
            for event in self._socket.events():
                if isinstance(event, Ping):
                    self._writer.write(self._socket.send(event.response()))
                elif isinstance(event, CloseConnection):
                    return
                elif isinstance(event, BytesMessage):
                    message += event.data
                    if event.message_finished:
                        await _hear(message, put, resize)
                        message = b""

    def close(self) -> None:
        """End the WebSocket."""
        self._writer.write(self._socket.send(CloseConnection(code=1000)))


async def _hear(
    message: bytes,
    put: Callable[[bytes | None], Awaitable[None]],
    resize: Callable[[int, int], None],
) -> None:
    if message[:1] == bytes([STDIN]):
        await put(message[1:])
    elif message == bytes([END, STDIN]):
        await put(None)
    elif message[:1] == bytes([RESIZE]):
        size = json.loads(message[1:])
        resize(size["Height"], size["Width"])


Started = tuple[
    asyncio.subprocess.Process,
    list[tuple[asyncio.StreamReader, int]],
    Callable[[bytes | None], Awaitable[None]],
    Callable[[int, int], None],
]
"""A process, its outputs and their channels, and what passes input and a terminal's size on."""


async def _start(command: Command, *, has_input: bool) -> Started:
    process = await asyncio.create_subprocess_exec(
        *command.words,
        env=command.environment,
        stdin=asyncio.subprocess.PIPE if has_input else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - they are pipes
    assert process.stderr is not None  # noqa: S101

    async def put(data: bytes | None) -> None:
        if process.stdin is None:
            return
        with suppress(OSError):  # it reads no more
            if data is None:
                process.stdin.close()
            else:
                process.stdin.write(data)
                await process.stdin.drain()

    outputs = [(process.stdout, STDOUT), (process.stderr, STDERR)]
    return process, outputs, put, lambda _height, _width: None


async def _start_in_terminal(command: Command, *, has_input: bool) -> Started:
    ours, theirs = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *("setsid", "--ctty", *command.words),
            env={"TERM": "xterm", **command.environment},
            **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        )
    except OSError:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    output = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(output)
    reading, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(ours, "rb", buffering=0))

    async def put(data: bytes | None) -> None:
        # After its end the terminal's number may be another file's.
        if has_input and data is not None and not reading.is_closing():
            with suppress(OSError):
                await asyncio.to_thread(os.write, ours, data)

    def resize(height: int, width: int) -> None:
        if not reading.is_closing():
            with suppress(OSError):
                termios.tcsetwinsize(ours, (height, width))

    return process, [(output, STDOUT)], put, resize


def _status(code: int) -> bytes:
    """Return how a program ended, as a Status object of Kubernetes."""
    if code == 0:
        return json.dumps({"metadata": {}, "status": "Success"}).encode()
    code = code if code > 0 else 128 - code
    return json.dumps(
        {
            **{"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode"},
            "message": f"command terminated with exit code {code}",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
        }
    ).encode()


def _is_set(query: Mapping[str, list[str]], name: str) -> bool:
    return query.get(name, ["false"])[0] in ("true", "1")
