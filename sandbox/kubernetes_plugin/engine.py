"""Messages to the engine, shown beside the resource that they are about."""

import queue
import threading
from typing import Any

import grpc
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.proto.engine_pb2_grpc import EngineStub

INFO = engine_pb2.LogSeverity.INFO
WARNING = engine_pb2.LogSeverity.WARNING
_SECONDS = 10


class Engine:
    """The engine that started this plugin; silent when there is none."""

    def __init__(self, address: str | None) -> None:
        self._stub: Any = None
        # Status lines go one by one, in order, and no operation waits for them.
        self._lines: queue.SimpleQueue[engine_pb2.LogRequest] = queue.SimpleQueue()
        self.attach(address)

    def attach(self, address: str | None) -> None:
        """Send what follows to this address."""
        if not address:
            return
        first = self._stub is None
        self._stub = EngineStub(grpc.insecure_channel(address))
        if first:
            threading.Thread(target=self._send_lines, daemon=True, name="status lines").start()

    def warn(self, urn: str, message: str) -> None:
        """Show a warning for good."""
        self._send(engine_pb2.LogRequest(severity=WARNING, urn=urn, message=message))

    def info(self, urn: str, message: str) -> None:
        """Show a message for good."""
        self._send(engine_pb2.LogRequest(severity=INFO, urn=urn, message=message))

    def status(self, urn: str, message: str) -> None:
        """Show a line until the next one; an empty message clears it."""
        if self._stub is not None:
            self._lines.put(
                engine_pb2.LogRequest(severity=INFO, urn=urn, message=message, ephemeral=True)
            )

    def _send_lines(self) -> None:
        while True:
            self._send(self._lines.get())

    def _send(self, request: engine_pb2.LogRequest) -> None:
        if self._stub is None:
            return
        try:
            self._stub.Log(request, timeout=_SECONDS)
        except grpc.RpcError:
            # An engine that doesn't listen must not fail an operation.
            return
