"""`make traffic`: deploys the stack `traffic` on its own sandbox, and proves it with requests."""

import asyncio
import json
import os
import signal
import types
from pathlib import Path
from typing import Annotated

import httpx2
import typer
from lightkube.core.exceptions import ApiError

import console
from mesh.istio import gateway_api_crds
from meshctl.workspace import download
from meshctl.workspace.stack import Workspace
from sandbox.cluster import Sandbox
from sandbox.node import trial
from traffic.load import LoadError
from traffic.proof import Proof
from traffic.prove import prove
from traffic.stack import STACK, Stack
from traffic.upgrade import Upgrade
from traffic.view import View

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def traffic(
    report: Annotated[Path | None, typer.Option(help="A JSON file for all numbers.")] = None,
    old: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the Istio release that the stack is upgraded from, named by its "
            "version. Without it the canary has the same release."
        ),
    ] = None,
) -> None:
    """Prove plans, an upgrade, security and HTTPS with requests to pods that are processes."""
    with console.alive("traffic: trying whether pods can be processes here"):
        reason = trial.why_not()
    if reason is not None:
        console.say(f"traffic is skipped: {reason}")
        if report is not None:
            report.write_text(json.dumps({"skipped": reason}))
        return
    sandbox = Sandbox(f"{STACK}-{os.getpid()}")
    workspace = Workspace(STACK, sandbox.name)
    download.get_all(workspace)
    version = workspace.setting("istioVersion")
    # A plan needs it, but the stack's own config doesn't ask for it.
    if (bundle := gateway_api_crds.of(version)) is not None:
        download.get_gateway_api(bundle)
    upgrade = Upgrade(version, old)

    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    proof, view = Proof(), View()
    try:
        with view.shown():
            asyncio.run(prove(Stack(sandbox), view, proof, upgrade))
    finally:
        try:
            view.tell(proof.sentences())
        finally:  # whoever reads the output may have gone: `make traffic | head`
            sandbox.down()
    if report is not None:
        report.write_text(json.dumps(proof.report(), indent=1))
    for what in proof.broken():
        console.error(what)
    if proof.broken():
        raise typer.Exit(1)


def _interrupt(_number: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    console.run(app, LoadError, ApiError, httpx2.HTTPError)
