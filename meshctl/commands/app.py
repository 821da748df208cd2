"""What people run around Pulumi; `python -m meshctl --help` lists it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pulumi
import typer

import console
from mesh.kubernetes import cluster
from meshctl.commands import (
    ci,
    developer,
    handover,
    progress,
    review_comment,
    tables,
)
from meshctl.commands import (
    destroy as leftovers,
)
from meshctl.render import program
from meshctl.sidecar_diff import show
from meshctl.verify import run
from meshctl.workspace import download, recovery
from meshctl.workspace.stack import Workspace

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(ci.app, name="ci")
Stack = Annotated[str, typer.Option(envvar="STACK", help="Which stack.")]
SandboxName = Annotated[str, typer.Option("--sandbox", envvar="SANDBOX", help="Which sandbox.")]
Person = Annotated[str, typer.Option(envvar="ME", help="Whose; not set = yours.")]
PolicyPack = Annotated[
    Path | None, typer.Option(envvar="POLICY", help="Rules for what is deployed: a policy pack.")
]
PolicyPackConfig = Annotated[
    Path | None, typer.Option(envvar="POLICY_CONFIG", help="What the team decides about them.")
]
PlatformStack = Annotated[str, typer.Option(envvar="PLATFORM_STACK", help="The platform's stack.")]
Domain = Annotated[
    str, typer.Option(envvar="APP_DOMAIN", help="The host is the stack's name in this domain.")
]
CommentFile = Annotated[
    Path | None, typer.Option(help="Write what a pull request is told of it to this file.")
]
Arguments = Annotated[list[str] | None, typer.Argument(help="Passed on to pulumi.")]


@app.command(context_settings={"ignore_unknown_options": True})
def up(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    *,
    policy_pack: PolicyPack = None,
    policy_pack_config: PolicyPackConfig = None,
    arguments: Arguments = None,
) -> None:
    """Set up what is missing, deploy the stack and show its services and pods."""
    rules = _rules(policy_pack, policy_pack_config)
    _up(_ready(stack, sandbox), *(arguments or ()), rules=rules)


@app.command(context_settings={"ignore_unknown_options": True})
def preview(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    *,
    policy_pack: PolicyPack = None,
    policy_pack_config: PolicyPackConfig = None,
    arguments: Arguments = None,
) -> None:
    """Show what `up` would change."""
    rules = _rules(policy_pack, policy_pack_config)
    _run(_ready(stack, sandbox), "preview", *rules, *(arguments or ()))


@app.command(context_settings={"ignore_unknown_options": True})
def destroy(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    arguments: Arguments = None,
) -> None:
    """Remove what the stack deployed, in reverse order."""
    workspace = _ready(stack, sandbox)
    leftovers.check(workspace)
    _change(workspace, "destroy", *(arguments or ()))
    leftovers.show(workspace)


@app.command("handover")
def hand_over(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    yes: Annotated[bool, typer.Option("--yes", help="Do it, instead of showing it.")] = False,
) -> None:
    """Show what istioctl still holds of a mesh that the stack adopted; with --yes, end it."""
    handover.hand_over(Workspace(stack, sandbox), do=yes)


@app.command(context_settings={"ignore_unknown_options": True})
def dev(
    name: Person = "",
    sandbox: SandboxName = "default",
    *,
    platform_stack: PlatformStack = developer.PLATFORM,
    domain: Domain = "",
    policy_pack: PolicyPack = None,
    policy_pack_config: PolicyPackConfig = None,
    comment: CommentFile = None,
    arguments: Arguments = None,
) -> None:
    """Bring up a developer's own Bookinfo; before it the platform, where the sandbox has none."""
    rules = _rules(policy_pack, policy_pack_config)
    own = developer.workspace(name, sandbox)
    platform = Workspace(platform_stack, sandbox)
    # On another cluster the platform is somebody's who runs it.
    if platform.sandbox:
        developer.refuse_other_mesh(platform)
        platform = _ready(platform_stack, sandbox)
        with platform.alone():  # another developer may be bringing it up
            if developer.lacks_platform(platform):
                console.say(f"sandbox {sandbox} has no platform: bringing it up, half a minute")
                _up(platform)
    developer.write_config(own, platform, domain)
    own = _ready(own.stack, sandbox)
    _up(own, *(arguments or ()), rules=rules)
    url = developer.show_url(own)
    if comment:
        comment.write_text(review_comment.brought_up(own.stack, url))


@app.command("dev-rm", context_settings={"ignore_unknown_options": True})
def remove_dev(
    name: Person = "",
    sandbox: SandboxName = "default",
    *,
    platform_stack: PlatformStack = developer.PLATFORM,
    comment: CommentFile = None,
    arguments: Arguments = None,
) -> None:
    """Remove a developer's own Bookinfo, its stack and the stack's file."""
    own = developer.workspace(name, sandbox)
    # Another machine's checkout lacks the file, which says on which cluster the stack is.
    developer.write_config(own, Workspace(platform_stack, sandbox))
    own = Workspace(own.stack, sandbox)
    if own.is_known:
        destroy(own.stack, sandbox, arguments)
        developer.remove(own)
    else:
        developer.forget(own)
    if comment:
        comment.write_text(review_comment.removed(own.stack))


@app.command("tables")
def show_tables(stack: Stack = "dev", sandbox: SandboxName = "default") -> None:
    """Show the stack's services and pods."""
    tables.show(Workspace(stack, sandbox))


@app.command("verify")
def verify_mesh(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    as_json: Annotated[bool, typer.Option("--json", help="For programs to read.")] = False,
) -> None:
    """Check the running mesh; exits with 1 when something is wrong. Changes nothing."""
    if not run.verify(Workspace(stack, sandbox), as_json=as_json):
        raise typer.Exit(1)


@app.command("sidecar-diff")
def show_sidecar_diff(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    deployment: Annotated[
        str, typer.Argument(envvar="SERVICE", help="A Deployment of Bookinfo, or a service.")
    ] = "",
    live: Annotated[bool, typer.Option("--live", help="A pod in the cluster, as it runs.")] = False,
) -> None:
    """Show what a sidecar adds to a Deployment; needs no cluster but with --live."""
    show.show(Workspace(stack, sandbox), deployment, live=live)


@app.command()
def release(stack: Stack = "dev", sandbox: SandboxName = "default") -> None:
    """Put the Istio release that the stack names on disk."""
    download.get_all(Workspace(stack, sandbox))


@app.command("render")
def render_stack(
    out: Annotated[Path, typer.Argument(help="The folder to write to.")],
    stack: Stack = "dev",
) -> None:
    """Write what the stack would apply as YAML, without a cluster."""
    workspace = Workspace(stack, "none")
    for each in program.stacks(workspace):
        download.get_all(each)
    # The environment tells the program that it is rendered: it gets a process with one of its own.
    environment = {**os.environ, cluster.RENDER: str(out), "PATH": workspace.render_path()}
    command = [sys.executable, "-m", "meshctl.render", stack, str(out)]
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is needed


@app.command()
def env(stack: Stack = "dev", sandbox: SandboxName = "default") -> None:
    """Print the shell lines that make plain `pulumi` and `kubectl` work on the stack."""
    sys.stdout.write(_ready(stack, sandbox).shell_lines())


def _ready(stack: str, sandbox: str) -> Workspace:
    """Make all that a Pulumi command on the stack needs."""
    workspace = Workspace(stack, sandbox)
    # First: whether istioctl is in it decides which programs are missing.
    download.get_all(workspace)
    _ = workspace.environment
    if workspace.sandbox is not None:
        if os.environ.get(cluster.RENDER):
            workspace.sandbox.keep_state()
        else:
            workspace.sandbox.up()
    workspace.make_stack()
    return workspace


def _rules(pack: Path | None, config: Path | None) -> list[str]:
    """Name a policy pack and its config, as Pulumi wants them."""
    named = {"--policy-pack": pack, "--policy-pack-config": config if pack else None}
    return [f"{option}={path}" for option, path in named.items() if path is not None]


def _up(workspace: Workspace, *arguments: str, rules: Sequence[str] = ()) -> None:
    # Some rules see a stack as a whole only, which is at the end: of a preview, not of `up`.
    previewed = ("--skip-preview=false",) if rules else ()
    with progress.told(workspace):
        _change(workspace, "up", *previewed, *rules, *arguments)
    tables.show(workspace)


def _change(workspace: Workspace, command: str, *arguments: str) -> None:
    """Run a Pulumi command that changes the stack, from where an interrupted one left it."""
    with workspace.alone():
        recovery.recover(workspace)
        # The sandbox is the developer's own: nothing there is worth a question.
        unasked = ("--yes", "--skip-preview") if workspace.sandbox else ()
        _run(workspace, command, *unasked, *arguments)


def _run(workspace: Workspace, *arguments: str) -> None:
    code = workspace.pulumi(*arguments)
    if code:
        raise typer.Exit(code)


def main() -> None:
    """Run the command line."""
    # A command that reads a stack's config or finds its cluster raises the program's own errors.
    console.run(app, pulumi.RunError, interrupted="interrupted; the same command takes it up again")
