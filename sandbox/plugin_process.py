"""A process of the Kubernetes plugin, called directly: for its version, and to render charts."""

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from sandbox.cache import ToolchainError

START_SECONDS = 30
"""The time that a plugin may take until it prints its port: a cold disk is slow."""
PAUSE = 0.02  # seconds
MAX_BYTES = 100_000  # of its output that are read
HELM_TEMPLATE = "kubernetes:helm:template"
"""The plugin's function by which helm.v3.Chart renders a chart."""

WITHOUT_CLUSTER = {
    # Not empty, or the plugin would look for a cluster where kubectl does.
    "kubernetes:config:kubeconfig": "none",
    # The plugin renders charts without a cluster only if it renders objects, too: here, none.
    "kubernetes:config:renderYamlToDirectory": "none",
}


class PluginError(ToolchainError):
    """The plugin doesn't start, or returns an error; the message is the plugin's."""


class Process:
    """A running process of the plugin."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub) -> None:
        """Set the gRPC stub by which the plugin is called."""
        self._stub = stub

    def version(self) -> str:
        """Return the plugin's version, such as 4.25.0.

        Raises PluginError when it doesn't answer.
        """
        try:
            answer = self._stub.GetPluginInfo(empty_pb2.Empty(), timeout=START_SECONDS)
        except grpc.RpcError as error:
            raise PluginError(_said(error)) from error
        return answer.version.removeprefix("v")

    def render(self, options: str) -> list[dict[str, Any]]:
        """Render a chart as `pulumi up` does; `options` are helm.v3.Chart's, as JSON.

        Raises PluginError with helm's message.
        """
        arguments = json_format.ParseDict({"jsonOpts": options}, struct_pb2.Struct())
        asked = provider_pb2.InvokeRequest(tok=HELM_TEMPLATE, args=arguments)
        try:
            self._stub.Configure(provider_pb2.ConfigureRequest(variables=WITHOUT_CLUSTER))
            answer = self._stub.Invoke(asked)
        except grpc.RpcError as error:
            raise PluginError(_said(error)) from error
        return json_format.MessageToDict(getattr(answer, "return"))["result"]


@contextlib.contextmanager
def run(program: Path) -> Generator[Process]:
    """Run the plugin while the block runs, without an engine and without a cluster.

    Raises PluginError when it doesn't start.
    """
    # Files, because nobody reads what it writes while it works: a pipe that is full would stop it.
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
        try:
            process = subprocess.Popen(
                [program], stdin=subprocess.DEVNULL, stdout=said, stderr=errors, text=True
            )
        except OSError as error:
            raise PluginError(error.strerror or str(error)) from error
        try:
            address = f"127.0.0.1:{_port(process, said, errors)}"
            # As the engine does: a rendered chart may be larger than gRPC's default of 4 MB.
            options = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
            with grpc.insecure_channel(address, options=options) as channel:
                yield Process(provider_pb2_grpc.ResourceProviderStub(channel))
        finally:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[str], said: IO[str], errors: IO[str]) -> int:
    """Wait until the plugin prints the port on which it listens, and return the port."""
    late = time.monotonic() + START_SECONDS
    while "\n" not in (text := _read(said)) and process.poll() is None and time.monotonic() < late:
        time.sleep(PAUSE)
    line = text.partition("\n")[0].strip()
    if not line.isdigit():
        raise PluginError(_read(errors).strip()[-300:] or line or "it printed no port")
    return int(line)


def _read(file: IO[str]) -> str:
    """Read what the process has written; reading at the file's position would move the writer's."""
    return os.pread(file.fileno(), MAX_BYTES, 0).decode(errors="replace")


def _said(error: grpc.RpcError) -> str:
    return (error.details() if isinstance(error, grpc.Call) else None) or str(error)
