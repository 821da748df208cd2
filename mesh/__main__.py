"""What people run around Pulumi: up, preview, destroy, tables, release, env."""

import sys
from typing import Annotated

import typer

from mesh import gateway_api_bundle, leftovers, recovery, release_download, stalled, tables
from mesh.workspace import Plugin, Workspace, WorkspaceError
from sandbox import console
from sandbox.cluster import SandboxError
from sandbox.toolchain import ToolchainError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Stack = Annotated[str, typer.Option(envvar="STACK", help="Which stack.")]
SandboxName = Annotated[str, typer.Option("--sandbox", envvar="SANDBOX", help="Which sandbox.")]
PluginChoice = Annotated[Plugin, typer.Option(envvar="PLUGIN", help="Which kubernetes plugin.")]
Arguments = Annotated[list[str] | None, typer.Argument(help="Passed on to pulumi.")]


@app.command(context_settings={"ignore_unknown_options": True})
def up(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    plugin: PluginChoice = "auto",
    arguments: Arguments = None,
) -> None:
    """Set up what is missing, deploy the stack and show its services and pods."""
    workspace = _ready(stack, sandbox, plugin)
    recovery.recover(workspace)
    # The sandbox is the developer's own: nothing there is worth a question.
    unasked = ("--yes", "--skip-preview") if workspace.sandbox else ()
    with stalled.told(workspace):
        _run(workspace, "up", *unasked, *(arguments or ()))
    if folder := workspace.setting("renderDir"):
        console.done("rendered", f"every object is in {folder}")
    else:
        tables.show(workspace)


@app.command(context_settings={"ignore_unknown_options": True})
def preview(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    plugin: PluginChoice = "auto",
    arguments: Arguments = None,
) -> None:
    """Show what `up` would change."""
    _run(_ready(stack, sandbox, plugin), "preview", *(arguments or ()))


@app.command(context_settings={"ignore_unknown_options": True})
def destroy(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    plugin: PluginChoice = "auto",
    arguments: Arguments = None,
) -> None:
    """Remove what the stack deployed, in reverse order."""
    workspace = _ready(stack, sandbox, plugin)
    recovery.recover(workspace)
    leftovers.check(workspace)
    unasked = ("--yes", "--skip-preview") if workspace.sandbox else ()
    _run(workspace, "destroy", *unasked, *(arguments or ()))
    leftovers.show(workspace)


@app.command("tables")
def show_tables(stack: Stack = "dev", sandbox: SandboxName = "default") -> None:
    """Show the stack's services and pods."""
    tables.show(Workspace(stack, sandbox))


@app.command()
def release(stack: Stack = "dev", sandbox: SandboxName = "default") -> None:
    """Put the Istio release that the stack names on disk."""
    get_release(Workspace(stack, sandbox))


@app.command()
def env(
    stack: Stack = "dev", sandbox: SandboxName = "default", plugin: PluginChoice = "auto"
) -> None:
    """Print the shell lines that make plain `pulumi` and `kubectl` work on the stack."""
    sys.stdout.write(_ready(stack, sandbox, plugin).shell_lines())


def _ready(stack: str, sandbox: str, plugin: Plugin) -> Workspace:
    """Make all that a Pulumi command on the stack needs."""
    workspace = Workspace(stack, sandbox, plugin)
    # First: whether istioctl is in it decides which programs are missing.
    get_release(workspace)
    _ = workspace.environment
    if workspace.sandbox is not None:
        if workspace.setting("renderDir"):
            workspace.sandbox.keep_state()
        else:
            workspace.sandbox.up()
    workspace.make_stack()
    return workspace


def get_release(workspace: Workspace) -> None:
    """Put the stack's releases on disk, unless its config names folders; and what goes with it."""
    for version, folder in workspace.releases:
        if folder:
            console.done("Istio release", f"{version}  the folder {folder}")
        else:
            release_download.get(version)
    wants = (workspace.setting("routingApi"), workspace.setting("gatewayApiCrds"))
    bundle = gateway_api_bundle.of(workspace.setting("istioVersion"))
    if bundle is not None and wants == ("gateway-api", "stack"):
        release_download.get_gateway_api(bundle)


def _run(workspace: Workspace, *arguments: str) -> None:
    code = workspace.pulumi(*arguments)
    if code:
        raise typer.Exit(code)


if __name__ == "__main__":
    mistakes = (SandboxError, ToolchainError, WorkspaceError, release_download.ReleaseError)
    console.run(app, *mistakes, interrupted="interrupted; the same command takes it up again")
