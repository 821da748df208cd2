"""The commands of `python -m meshctl`; its option --help lists them."""

import os
import resource
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
    review_comment,
    tables,
    teardown,
    topology,
)
from meshctl.render import program
from meshctl.sidecar_diff import show
from meshctl.timeline import show as timeline
from meshctl.update.run import change
from meshctl.verify import run, watch
from meshctl.verify.report import UNKNOWN
from meshctl.workspace import download, recovery
from meshctl.workspace.stack import Workspace

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(ci.app, name="ci")
Stack = Annotated[str, typer.Option(envvar="STACK", help="The stack's name.")]
SandboxName = Annotated[
    str, typer.Option("--sandbox", envvar="SANDBOX", help="The sandbox's name.")
]
Person = Annotated[
    str, typer.Option(envvar="ME", help="The developer's name; not set = your user name.")
]
PolicyPack = Annotated[
    Path | None, typer.Option(envvar="POLICY", help="The folder of a policy pack to check with.")
]
PolicyPackConfig = Annotated[
    Path | None, typer.Option(envvar="POLICY_CONFIG", help="The policy pack's config, as JSON.")
]
PlatformStack = Annotated[
    str, typer.Option(envvar="PLATFORM_STACK", help="The name of the platform's stack.")
]
Domain = Annotated[
    str, typer.Option(envvar="APP_DOMAIN", help="The domain for Bookinfo's host: STACK.DOMAIN.")
]
CommentFile = Annotated[
    Path | None, typer.Option(help="A file to write the pull request's comment to.")
]
Verbose = Annotated[bool, typer.Option("--verbose", envvar="V", help="Show Pulumi's own output.")]
Arguments = Annotated[list[str] | None, typer.Argument(help="Passed on to pulumi.")]


@app.command(context_settings={"ignore_unknown_options": True})
def up(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    *,
    policy_pack: PolicyPack = None,
    policy_pack_config: PolicyPackConfig = None,
    verbose: Verbose = False,
    arguments: Arguments = None,
) -> None:
    """Set up what is missing, deploy the stack, and show its services and pods."""
    rules = _rules(policy_pack, policy_pack_config)
    _up(_ready(stack, sandbox), *(arguments or ()), rules=rules, verbose=verbose)


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
    *,
    verbose: Verbose = False,
    arguments: Arguments = None,
) -> None:
    """Delete what the stack deployed, in reverse order."""
    workspace = _ready(stack, sandbox)
    teardown.check(workspace)
    _change(workspace, "destroy", *(arguments or ()), verbose=verbose)
    teardown.show_leftovers(workspace)


@app.command("handover")
def hand_over(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    yes: Annotated[bool, typer.Option("--yes", help="Apply the changes.")] = False,
) -> None:
    """Show what istioctl still manages of a mesh that the stack adopted; with --yes, end that."""
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
    verbose: Verbose = False,
    arguments: Arguments = None,
) -> None:
    """Deploy a developer's own Bookinfo, and first the platform if the sandbox has none."""
    rules = _rules(policy_pack, policy_pack_config)
    own = developer.workspace(name, sandbox)
    platform = Workspace(platform_stack, sandbox)
    # Outside a sandbox somebody else runs the platform.
    if platform.sandbox:
        developer.refuse_other_mesh(platform)
        platform = _ready(platform_stack, sandbox)
        with platform.alone():  # another developer may be deploying it
            if developer.lacks_platform(platform):
                console.say(f"sandbox {sandbox} has no platform: deploying it takes half a minute")
                _up(platform, verbose=verbose)
    developer.write_config(own, platform, domain)
    own = _ready(own.stack, sandbox)
    _up(own, *(arguments or ()), rules=rules, verbose=verbose)
    if comment:
        url = own.outputs()["bookinfoUrl"]
        comment.write_text(review_comment.brought_up(own.stack, url))


@app.command("dev-rm", context_settings={"ignore_unknown_options": True})
def remove_dev(
    name: Person = "",
    sandbox: SandboxName = "default",
    *,
    platform_stack: PlatformStack = developer.PLATFORM,
    comment: CommentFile = None,
    verbose: Verbose = False,
    arguments: Arguments = None,
) -> None:
    """Delete a developer's own Bookinfo, its stack and the stack's config file."""
    own = developer.workspace(name, sandbox)
    # A checkout on another machine lacks the config file, which names the stack's cluster.
    developer.write_config(own, Workspace(platform_stack, sandbox))
    own = Workspace(own.stack, sandbox)
    if own.is_known:
        destroy(own.stack, sandbox, verbose=verbose, arguments=arguments)
        developer.remove(own)
    else:
        developer.forget(own)
    if comment:
        comment.write_text(review_comment.removed(own.stack))


@app.command("tables")
def show_tables(stack: Stack = "dev", sandbox: SandboxName = "default") -> None:
    """Show the stack's services and pods."""
    tables.show(Workspace(stack, sandbox))


@app.command("timeline")
def show_timeline(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    out: Annotated[Path | None, typer.Option(help="An SVG file to draw it into.")] = None,
) -> None:
    """Show what the last `up` or `destroy` did when, and what took its time."""
    timeline.show(Workspace(stack, sandbox), out)


@app.command("verify")
def verify_mesh(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    *,
    context: Annotated[
        str, typer.Option(help="Check the mesh of this kubeconfig context, without a stack.")
    ] = "",
    kubeconfig: Annotated[
        Path | None, typer.Option(help="The kubeconfig file that has the context.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    repeat: Annotated[
        bool, typer.Option("--watch", help="Repeat, and show what changes, until Ctrl-C.")
    ] = False,
    interval: Annotated[
        float, typer.Option(min=1, help="With --watch: the seconds between two runs.")
    ] = watch.INTERVAL,
) -> None:
    """Check the running mesh without changing it; exit with 1 when something is wrong."""
    if kubeconfig and not context:
        raise typer.BadParameter("--kubeconfig needs --context: no context is ever guessed")
    if repeat and as_json:
        raise typer.BadParameter("--json is for one run: leave out --watch")
    try:
        target = (
            run.of_context(context, kubeconfig)
            if context
            else run.of_stack(Workspace(stack, sandbox))
        )
        if repeat:
            raise typer.Exit(watch.watch(lambda: run.look(target), console.output(), interval))
        report = run.look(target)
    except (pulumi.RunError, console.UserError) as error:
        console.error(str(error))
        raise typer.Exit(UNKNOWN) from error
    if as_json:
        sys.stdout.write(report.as_json())
    else:
        report.show(console.output())
    raise typer.Exit(report.exit_code)


@app.command("topology")
def show_topology(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    source: Annotated[
        topology.Source, typer.Option("--from", envvar="FROM", help="What to draw.")
    ] = topology.Source.CLUSTER,
    out: Annotated[
        Path | None,
        typer.Argument(envvar="OUT", help="A .svg, .png or .mmd file; not set = print Mermaid."),
    ] = None,
) -> None:
    """Draw the mesh: as it runs, before and after a preview, or as a render would create it."""
    topology.show(Workspace(stack, sandbox), source, out)


@app.command("report")
def write_report(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    out: Annotated[Path, typer.Argument(envvar="OUT", help="The HTML file.")] = Path("report.html"),
) -> None:
    """Write one HTML page about the running mesh: picture, checks, routes, policies, updates."""
    # Jinja takes 0.1 s to import, in every command.
    from meshctl.report.write import write  # noqa: PLC0415

    write(Workspace(stack, sandbox), out)


@app.command("sidecar-diff")
def show_sidecar_diff(
    stack: Stack = "dev",
    sandbox: SandboxName = "default",
    deployment: Annotated[
        str, typer.Argument(envvar="SERVICE", help="The name of a Deployment or service.")
    ] = "",
    live: Annotated[bool, typer.Option("--live", help="Show a running pod.")] = False,
) -> None:
    """Show what a sidecar adds to a Deployment of Bookinfo; only --live needs a cluster."""
    show.show(Workspace(stack, sandbox), deployment, live=live)


@app.command()
def release(stack: Stack = "dev", sandbox: SandboxName = "default") -> None:
    """Download the Istio releases that the stack names into releases/."""
    download.get_all(Workspace(stack, sandbox))


@app.command("render")
def render_stack(
    out: Annotated[Path, typer.Argument(help="The folder to write to.")],
    stack: Stack = "dev",
) -> None:
    """Write the objects that the stack would apply as YAML files, without a cluster."""
    workspace = Workspace(stack, "none")
    for each in program.stacks(workspace):
        download.get_all(each)
    # The environment tells the program that it is rendered, so it runs in a separate process.
    environment = {**os.environ, cluster.RENDER: str(out), "PATH": workspace.render_path()}
    command = [sys.executable, "-m", "meshctl.render", stack, str(out)]
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is needed


@app.command()
def env(stack: Stack = "dev", sandbox: SandboxName = "default") -> None:
    """Print shell lines that set what plain `pulumi` and `kubectl` need to work on the stack."""
    sys.stdout.write(_ready(stack, sandbox).shell_lines())


def _ready(stack: str, sandbox: str) -> Workspace:
    """Prepare the releases, programs, sandbox and stack that a Pulumi command needs."""
    workspace = Workspace(stack, sandbox)
    # First: a release that has istioctl saves building it.
    download.get_all(workspace)
    _ = workspace.environment
    if workspace.sandbox is not None:
        if os.environ.get(cluster.RENDER):
            workspace.sandbox.keep_state()
        else:
            workspace.sandbox.up()
    with console.alive(f"stack {workspace.name}: looking it up"):
        workspace.make_stack()
    return workspace


def _rules(pack: Path | None, config: Path | None) -> list[str]:
    """Return Pulumi's options for a policy pack and its config."""
    named = {"--policy-pack": pack, "--policy-pack-config": config if pack else None}
    return [f"{option}={path}" for option, path in named.items() if path is not None]


def _up(
    workspace: Workspace, *arguments: str, rules: Sequence[str] = (), verbose: bool = False
) -> None:
    # Rules for the whole stack are checked at the end: with a preview, before anything changes.
    previewed = ("--skip-preview=false",) if rules else ()
    _change(workspace, "up", *previewed, *rules, *arguments, verbose=verbose)
    tables.show(workspace)


def _change(workspace: Workspace, command: str, *arguments: str, verbose: bool) -> None:
    """Run a Pulumi command that changes the stack, after recovering from an interrupted one."""
    with workspace.alone():
        resources = recovery.recover(workspace)
        # The sandbox is the developer's own: no question is needed before changes there.
        unasked = ("--yes", "--skip-preview") if workspace.sandbox else ()
        change(workspace, command, *unasked, *arguments, verbose=verbose, resources=resources)


def _run(workspace: Workspace, *arguments: str) -> None:
    code = workspace.pulumi(*arguments)
    if code:
        raise typer.Exit(code)


def main() -> None:
    """Run the command line."""
    # A core file would hold the secrets that Pulumi, its plugin and the program have in memory.
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    # Reading a stack's config and finding its cluster raise the errors of the Pulumi program.
    console.run(
        app, pulumi.RunError, interrupted="interrupted: run the same command again to continue"
    )
