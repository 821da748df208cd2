"""A plugin process to speak to as the engine does, and the objects that tests make with it."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2, status_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from sandbox.kubernetes_plugin.reading import from_struct
from sandbox.kubernetes_plugin.writing import to_struct

ROOT = Path(__file__).parents[2]


class EngineLog(engine_pb2_grpc.EngineServicer):
    """Remembers what the plugin logs."""

    def __init__(self):
        self.messages = []

    def Log(self, request, context):
        """Take a message from the plugin."""
        self.messages.append(SimpleNamespace(text=request.message, ephemeral=request.ephemeral))
        return Empty()

    def said(self, text):
        """Tell whether a message held this text."""
        return any(text in message.text for message in self.messages)

    def wait_for(self, text, seconds=20):
        """Wait until a message holds this text."""
        deadline = time.monotonic() + seconds
        while not self.said(text):
            assert time.monotonic() < deadline, f"never said {text!r}: {self.messages}"
            time.sleep(0.02)


class Plugin:
    """A running plugin, spoken to as the engine does."""

    def __init__(self, environment=None):
        self.log = EngineLog()
        self._engine = grpc.server(ThreadPoolExecutor(4))
        engine_pb2_grpc.add_EngineServicer_to_server(self.log, self._engine)
        port = self._engine.add_insecure_port("127.0.0.1:0")
        self._engine.start()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.kubernetes_plugin", f"127.0.0.1:{port}"],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{int(self.process.stdout.readline())}",
            options=[("grpc.max_receive_message_length", -1), ("grpc.max_metadata_size", 1 << 24)],
        )
        self.stub = ResourceProviderStub(self.channel)

    def stop(self):
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.channel.close()
        self._engine.stop(0)

    def stop_engine(self):
        """Go away as a killed engine does."""
        self._engine.stop(0)

    def configure(self, **settings):
        """Configure the provider with these settings."""
        variables = {f"kubernetes:config:{key}": value for key, value in settings.items()}
        request = provider_pb2.ConfigureRequest(variables=variables, acceptSecrets=True)
        return self.stub.Configure(request)

    def check(self, urn, inputs, old=None, **more):
        """Check inputs; give the completed ones."""
        request = provider_pb2.CheckRequest(
            urn=urn, olds=to_struct(old or {}), news=to_struct(inputs), **more
        )
        return from_struct(self.stub.Check(request).inputs)

    def create(self, urn, inputs, *, preview=False, timeout=0):
        """Create, or preview a create."""
        return self.stub.Create(
            provider_pb2.CreateRequest(
                urn=urn, properties=to_struct(inputs), preview=preview, timeout=timeout
            )
        )

    def diff(self, urn, state, inputs, ignore=()):
        """Compare a state with new inputs."""
        request = provider_pb2.DiffRequest(
            urn=urn, olds=state, news=to_struct(inputs), ignoreChanges=ignore
        )
        return self.stub.Diff(request)

    def update(self, urn, state, inputs, *, preview=False, ignore=(), timeout=0):
        """Update, or preview an update; give the state."""
        return self.stub.Update(
            provider_pb2.UpdateRequest(
                urn=urn,
                olds=state,
                news=to_struct(inputs),
                preview=preview,
                ignoreChanges=ignore,
                timeout=timeout,
            )
        ).properties

    def read(self, urn, resource_id, state=None, inputs=None):
        """Read, as a refresh or an import does."""
        request = provider_pb2.ReadRequest(
            urn=urn, id=resource_id, properties=state, inputs=to_struct(inputs or {})
        )
        return self.stub.Read(request)

    def delete(self, urn, resource_id, state, timeout=0):
        """Delete."""
        request = provider_pb2.DeleteRequest(
            urn=urn, id=resource_id, properties=state, timeout=timeout
        )
        return self.stub.Delete(request)

    def in_background(self, method, *args, **more):
        """Call a method in a thread; give its outcome-to-be."""
        outcome = SimpleNamespace(error=None, answer=None)

        def run():
            try:
                outcome.answer = method(*args, **more)
            except grpc.RpcError as error:
                outcome.error = error

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        outcome.join = thread.join
        return outcome


def partial(error):
    """Unpack the state that an operation keeps although it failed."""
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    message = provider_pb2.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(details).details[0].Unpack(message)
    return message


def urn_of(kind, name="thing"):
    """Make the URN of a resource: `apps/v1:Deployment`."""
    return f"urn:pulumi:test::plugin::kubernetes:{kind}::{name}"


def config_map(namespace, name="settings", **data):
    """Make the inputs of a ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data or {"key": "1"},
    }
