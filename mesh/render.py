"""What a stack would apply, as YAML: the program run without an engine and without a cluster.

Secrets are never in it, for they are never read: the stack's file has them encrypted.
"""

import asyncio
import contextlib
import json
import runpy
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.stack import run_pulumi_func

from mesh import redaction, stack_settings
from mesh.release import PROJECT
from mesh.workspace import Workspace
from sandbox.kubernetes_plugin import helm, manifests
from sandbox.kubernetes_plugin.errors import ResourceError

Object = dict[str, Any]


class RenderError(Exception):
    """The stack can't be rendered; the message says why and what helps."""


def objects(workspace: Workspace) -> list[Object]:
    """Run the program as for a preview of a new stack, and return what it would apply."""
    stack_settings.load(workspace)
    monitor = _Recorder(_NoCluster())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # A preview: what only a cluster can tell stays unknown, and what is made of it.
    pulumi.runtime.set_mocks(
        monitor.mocks,
        project=stack_settings.project_name(),
        stack=workspace.stack,
        preview=True,
        monitor=monitor,
    )
    with contextlib.closing(loop):
        try:
            loop.run_until_complete(run_pulumi_func(_program))
        except (pulumi.RunError, ResourceError) as error:
            raise RenderError(str(error)) from error
    return monitor.objects


def _program() -> None:
    runpy.run_path(str(PROJECT / "__main__.py"))


class _NoCluster(Mocks):
    """Knows of a resource what it was asked for, and renders charts as the plugin does."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str, Object]:
        """Take the inputs for all that is known before an update."""
        return "", args.inputs

    def call(self, args: MockCallArgs) -> tuple[Object, list[tuple[str, str]]]:
        """Render a chart."""
        if args.token != "kubernetes:helm:template":  # noqa: S105 - a name
            raise RenderError(f"{args.token} needs an engine: what it tells can't be rendered")
        rendered = helm.template(json.loads(args.args["jsonOpts"]), None)
        return {"result": manifests.parse(rendered)}, []


class _Recorder(MockMonitor):
    """Keeps the objects that were asked for."""

    def __init__(self, mocks: Mocks) -> None:
        """Start with none."""
        super().__init__(mocks)
        self.objects: list[Object] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - named by gRPC
        """Take an object as it would be sent to the plugin."""
        if request.custom and request.type.startswith("kubernetes:"):
            self.objects.append(_shown(json_format.MessageToDict(request.object)))
        return super().RegisterResource(request)


def _shown(found: Object) -> Object:
    """Return an object without its secrets, and with the numbers that it came with."""
    return {
        key: _plain(value, hidden=found["kind"] == "Secret" and key in ("data", "stringData"))
        for key, value in found.items()
    }


def _plain(value: Any, *, hidden: bool) -> Any:
    if isinstance(value, dict):
        if redaction.SENTINEL in value:
            return _plain(value["value"], hidden=True)
        # The plugin leaves out what isn't set.
        set_ones = {key: each for key, each in value.items() if each is not None}
        return {key: _plain(each, hidden=hidden) for key, each in set_ones.items()}
    if isinstance(value, list):
        return [_plain(each, hidden=hidden) for each in value]
    if hidden:
        return redaction.SECRET
    if value == redaction.UNKNOWN:
        return redaction.COMPUTED
    # protobuf has floats only.
    return int(value) if isinstance(value, float) and value.is_integer() else value
