"""The sandbox's commands: up, down, status, logs."""

import sys
from collections import deque
from typing import Annotated

import typer
from rich.table import Column, Table

import console
from sandbox import control_plane, kubernetes_plugin, wheels
from sandbox.cluster import Sandbox
from sandbox.programs import CLUSTER, HELM, PULUMI, PULUMI_NEWEST

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Name = Annotated[str, typer.Option("--name", envvar="SANDBOX", help="Which sandbox.")]


@app.command()
def up(name: Name = "default") -> None:
    """Start a sandbox, or what of it doesn't run."""
    Sandbox(name).up()


@app.command()
def down(name: Name = "default") -> None:
    """End a sandbox and remove all it holds."""
    sandbox = Sandbox(name)
    sandbox.down()
    _tell_of_older(sandbox)


@app.command()
def status(name: Name = "default") -> None:
    """Show a sandbox's processes; exits with 1 when one of them should run and doesn't."""
    sandbox = Sandbox(name)
    _tell_of_older(sandbox)
    if not sandbox.kubeconfig.exists():
        console.say(f"sandbox {name} isn't there: `make sandbox-up SANDBOX={name}` starts it")
        raise typer.Exit(1)
    table = Table("PROCESS", "PID", Column("LOG", overflow="fold"), box=None)
    components = sandbox.components()
    for component in components:
        table.add_row(component.name, str(component.pid or "not running"), str(component.log))
    console.output().print(table)
    console.say(f"KUBECONFIG={sandbox.kubeconfig}")
    if not sandbox.is_up() or any(component.pid is None for component in components):
        raise typer.Exit(1)


@app.command()
def logs(
    name: Name = "default",
    process: Annotated[str, typer.Option(help="Part of a process's name.")] = "",
    lines: Annotated[int, typer.Option(help="How many lines of each, from the end.")] = 20,
) -> None:
    """Print the ends of a sandbox's logs."""
    sandbox = Sandbox(name)
    _tell_of_older(sandbox)
    for component in sandbox.components():
        if process in component.name and component.log.exists():
            with component.log.open(errors="replace") as log:
                tail = deque(log, maxlen=lines)
            sys.stdout.write(f"==> {component.name} <==\n{''.join(tail)}\n")


@app.command()
def programs(
    kubernetes: Annotated[
        list[str] | None, typer.Option(help="An older one to be ready for too, such as 1.15.")
    ] = None,
    *,
    tests: Annotated[
        bool, typer.Option("--tests", help="Also what only tests run: helm, the newest engine.")
    ] = False,
) -> None:
    """Get all programs that a sandbox, its stacks and traffic run, before something waits."""
    older = [family for each in kubernetes or () for family in control_plane.older(each).families]
    wanted = (*CLUSTER, PULUMI, *((HELM, PULUMI_NEWEST) if tests else ()), *older)
    kubernetes_plugin.find(tuple(dict.fromkeys(wanted)))
    wheels.envoy_program()


def _tell_of_older(sandbox: Sandbox) -> None:
    """Name the sandboxes beside it, which a stack may be on whose SANDBOX is this one."""
    for other in sandbox.older():
        console.say(f"sandbox {other} is there too; its commands take SANDBOX={other}")


if __name__ == "__main__":
    console.run(app)
