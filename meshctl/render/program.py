"""The objects that a stack would apply: the program is run without an engine and a cluster.

Secrets are never in them, because they are never read: the stack's file has them encrypted.
"""

import asyncio
import contextlib
import runpy
from collections.abc import Iterable, Mapping
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
    """The stack can't be rendered; the message says why and what to do."""


def stacks(workspace: Workspace) -> list[Workspace]:
    """List the stacks to run: a stack, and before it the platform that it uses.

    Raises RenderError when the platform's config file isn't in this checkout.
    """
    name = workspace.setting("platformStack")
    if workspace.setting("mode") != "app" or not name:
        return [workspace]
    *_, of_project, stack = (project_name(), *name.split("/"))
    platform = Workspace(stack, workspace.sandbox_name)
    if of_project != project_name() or not platform.config_file.exists():
        raise RenderError(
            f"stack {workspace.stack} uses the platform {name}, whose config file isn't in this "
            "checkout, and a render can't ask a backend: describe the platform by platformContract"
        )
    return [platform, workspace]


def objects(workspace: Workspace) -> list[Object]:
    """Run the program as for a preview of a new stack, and return the objects it would apply."""
    outputs: dict[str, Object] = {}
    found: list[Object] = []
    plugin, _ = kubernetes_plugin.find()
    with plugin_process.run(plugin.program) as process:
        for each in stacks(workspace):
            found, outputs[each.name] = _run(each, _NoCluster(outputs, process))
    return merged(found)


def merged(objects: Iterable[Object]) -> list[Object]:
    """Merge what is applied to one object in several steps, such as a patch of a namespace."""
    found: dict[tuple[str, str, str, str], Object] = {}
    for each in objects:
        metadata = each["metadata"]
        key = (each["apiVersion"], each["kind"], metadata.get("namespace", ""), metadata["name"])
        found[key] = _merge(found[key], each) if key in found else each
    return list(found.values())


def _merge(one: Object, other: Object) -> Object:
    """Return an object with the fields of another one added."""
    added = {
        key: _merge(one[key], value)
        if isinstance(value, dict) and isinstance(one.get(key), dict)
        else value
        for key, value in other.items()
    }
    return {**one, **added}


def _run(workspace: Workspace, cluster: "_NoCluster") -> tuple[list[Object], Object]:
    """Return a stack's objects and its outputs."""
    load_config(workspace)
    monitor = _Recorder(cluster)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # As in a preview, values from a cluster stay unknown, and so do values computed from them.
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
    """Run the program, and return its outputs as another stack would read them."""
    await run_pulumi_func(_program)
    exported = cast("Stack", get_root_resource()).outputs
    sent = await pulumi.runtime.rpc.serialize_properties(exported, {})
    return _plain(json_format.MessageToDict(sent), hidden=False)


def _program() -> None:
    runpy.run_path(str(PROJECT / "__main__.py"))


class _NoCluster(Mocks):
    """Mocks without a cluster: a resource has its inputs only, and the plugin renders charts."""

    def __init__(self, others: Mapping[str, Object], plugin: Process) -> None:
        """Set the outputs of other stacks, by stack, and the plugin."""
        self.others = others
        self.plugin = plugin

    def new_resource(self, args: MockResourceArgs) -> tuple[str, Object]:
        """Return the inputs: nothing else is known before an update."""
        return "", args.inputs

    def call(self, args: MockCallArgs) -> tuple[Object, list[tuple[str, str]]]:
        """Return another stack's outputs, or render a chart."""
        if args.token == "pulumi:pulumi:readStackOutputs":  # noqa: S105 - a name
            return {"outputs": self.others.get(args.args["name"].rpartition("/")[2], {})}, []
        if args.token != plugin_process.HELM_TEMPLATE:
            raise RenderError(f"{args.token} needs an engine: its result can't be rendered")
        return {"result": self.plugin.render(args.args["jsonOpts"])}, []


class _Recorder(MockMonitor):
    """A monitor that records the objects of the program."""

    def __init__(self, mocks: Mocks) -> None:
        """Start without objects."""
        super().__init__(mocks)
        self.objects: list[Object] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - named by gRPC
        """Record an object as it would be sent to the plugin."""
        if request.custom and request.type.startswith("kubernetes:"):
            self.objects.append(_shown(json_format.MessageToDict(request.object)))
        return super().RegisterResource(request)


def _shown(found: Object) -> Object:
    """Return an object without its secrets, and with integers that protobuf sent as floats."""
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
