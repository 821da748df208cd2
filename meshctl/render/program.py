"""What a stack would apply, as YAML: the program run without an engine and without a cluster.

Secrets are never in it, for they are never read: the stack's file has them encrypted.
"""

import asyncio
import contextlib
import runpy
from collections.abc import Mapping
from typing import Any, cast

import pulumi
from google.protobuf import json_format
from pulumi.runtime import get_root_resource
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.stack import Stack, run_pulumi_func

from console import UserError
from mesh import redaction
from mesh.project import PROJECT
from meshctl.workspace.settings import load_config, project_name
from meshctl.workspace.stack import Workspace
from sandbox import kubernetes_plugin, plugin_process
from sandbox.plugin_process import PluginError, Process

Object = dict[str, Any]


class RenderError(UserError):
    """The stack can't be rendered; the message says why and what helps."""


def stacks(workspace: Workspace) -> list[Workspace]:
    """List the stack whose program is to be run, and before it the platform that it stands on.

    Raises RenderError when the platform's file is elsewhere.
    """
    name = workspace.setting("platformStack")
    if workspace.setting("mode") != "app" or not name:
        return [workspace]
    *_, of_project, stack = (project_name(), *name.split("/"))
    platform = Workspace(stack, workspace.sandbox_name)
    if of_project != project_name() or not platform.config_file.exists():
        raise RenderError(
            f"stack {workspace.stack} stands on {name}, whose file isn't in this checkout, and a "
            "render asks no backend: to render it, say what the platform is by platformContract"
        )
    return [platform, workspace]


def objects(workspace: Workspace) -> list[Object]:
    """Run the program as for a preview of a new stack, and return what it would apply."""
    outputs: dict[str, Object] = {}
    found: list[Object] = []
    plugin, _ = kubernetes_plugin.find()
    with plugin_process.run(plugin.program) as process:
        for each in stacks(workspace):
            found, outputs[each.name] = _run(each, _NoCluster(outputs, process))
    return found


def _run(workspace: Workspace, cluster: "_NoCluster") -> tuple[list[Object], Object]:
    """Return a stack's objects and its outputs."""
    load_config(workspace)
    monitor = _Recorder(cluster)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # A preview: what only a cluster can tell stays unknown, and what is made of it.
    pulumi.runtime.set_mocks(
        monitor.mocks,
        project=project_name(),
        stack=workspace.name,
        preview=True,
        monitor=monitor,
    )
    with contextlib.closing(loop):
        try:
            outputs = loop.run_until_complete(_outputs())
        except (pulumi.RunError, PluginError) as error:
            raise RenderError(str(error)) from error
    return monitor.objects, outputs


async def _outputs() -> Object:
    """Run the program, and return what it exports, as another stack would read it."""
    await run_pulumi_func(_program)
    exported = cast("Stack", get_root_resource()).outputs
    sent = await pulumi.runtime.rpc.serialize_properties(exported, {})
    return _plain(json_format.MessageToDict(sent), hidden=False)


def _program() -> None:
    runpy.run_path(str(PROJECT / "__main__.py"))


class _NoCluster(Mocks):
    """Knows of a resource what it was asked for, and has charts rendered by the plugin."""

    def __init__(self, others: Mapping[str, Object], plugin: Process) -> None:
        """Know other stacks' outputs, by stack."""
        self.others = others
        self.plugin = plugin

    def new_resource(self, args: MockResourceArgs) -> tuple[str, Object]:
        """Take the inputs for all that is known before an update."""
        return "", args.inputs

    def call(self, args: MockCallArgs) -> tuple[Object, list[tuple[str, str]]]:
        """Tell another stack's outputs, or render a chart."""
        if args.token == "pulumi:pulumi:readStackOutputs":  # noqa: S105 - a name
            return {"outputs": self.others.get(args.args["name"].rpartition("/")[2], {})}, []
        if args.token != plugin_process.HELM_TEMPLATE:
            raise RenderError(f"{args.token} needs an engine: what it tells can't be rendered")
        return {"result": self.plugin.render(args.args["jsonOpts"])}, []


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
    shown = {
        key: _plain(value, hidden=found["kind"] == "Secret" and key in ("data", "stringData"))
        for key, value in found.items()
    }
    return redaction.manifest(shown)


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
