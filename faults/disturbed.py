"""A disturbed run of `meshctl up` or `destroy`: what is killed, and how the command ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from faults.points import Command, Point, Victim
from mesh.project import PROJECT
from meshctl.update.events import EVENT_LOG
from meshctl.workspace.stack import Workspace

PAUSE = 0.05  # seconds between two looks at Pulumi's events
PATIENCE = 300.0  # seconds until a command that doesn't end is killed
AWAY = 20.0  # seconds that the API server is away
NAMES = {"plugin": "pulumi-resource-kubernetes", "program": "pulumi-language-python-exec"}
"""What the first words of a victim's command line contain."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A command's run."""

    resources: tuple[str, ...]
    """The URNs of the resources that it began to work on, in this order."""
    hit: bool
    """Whether there was something to disturb."""
    seconds: float
    """From the disturbance to the end; without one, from the beginning."""
    code: int | None
    """The exit code, or None when it didn't end."""
    said: str


def run(workspace: Workspace, command: Command, point: Point | None = None) -> Run:
    """Run a command, and disturb it at a point."""
    with tempfile.TemporaryFile("w+") as output:
        with subprocess.Popen(
            [sys.executable, "-m", "meshctl", command],
            cwd=PROJECT,
            env={**os.environ, "STACK": workspace.stack, "SANDBOX": workspace.sandbox_name},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                resources, hit, seconds = _followed(workspace, process, point)
                code = process.poll()
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        output.seek(0)
        said = output.read()
    return Run(resources=tuple(resources), hit=hit, seconds=seconds, code=code, said=said)


def _followed(
    workspace: Workspace, process: subprocess.Popen[bytes], point: Point | None
) -> tuple[list[str], bool, float]:
    """Follow a command to its end, or until patience ends; return what a Run has of it."""
    began, hit = time.monotonic(), False
    resources: list[str] = []
    begun = _begun(process.pid)
    while process.poll() is None and time.monotonic() < began + PATIENCE:
        resources += next(begun)
        if point is not None and not hit and len(resources) >= point.resource:
            hit = _disturb(workspace, process.pid, point.victim)
            began = time.monotonic()
        time.sleep(PAUSE)
    return resources, hit, time.monotonic() - began


def _begun(pid: int) -> Iterator[list[str]]:
    """Yield the URNs of the resources that Pulumi has begun to work on since the last time."""
    while (found := _engine(pid)) is None:
        yield []
    unread = ""
    with found[1].open() as events:
        while True:
            *lines, unread = (unread + events.read()).split("\n")
            steps = [json.loads(line).get("resourcePreEvent") for line in lines]
            yield [step["metadata"]["urn"] for step in steps if step]


def _engine(pid: int) -> tuple[psutil.Process, Path] | None:
    """Return the Pulumi process below meshctl's that changes something, and its events."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children():
            with suppress(psutil.NoSuchProcess):
                words = child.cmdline()
                if EVENT_LOG in words:
                    return child, Path(words[words.index(EVENT_LOG) + 1])
    return None


def _disturb(workspace: Workspace, pid: int, victim: Victim) -> bool:
    """Kill the victim, and return whether there was one."""
    if victim == "API server":
        return _take_away_api_server(workspace)
    with suppress(psutil.NoSuchProcess):
        if (found := _engine(pid)) is not None:
            engine, _ = found
            for process in (engine, *engine.children(recursive=True)):
                if victim == "engine" or NAMES[victim] in " ".join(process.cmdline()[:2]):
                    process.kill()
                    return True
    return False


def _take_away_api_server(workspace: Workspace) -> bool:
    """Kill the sandbox's API server, and start it again later."""
    sandbox = workspace.sandbox
    assert sandbox is not None  # noqa: S101 - the stack of the faults names no context
    pids = {component.name: component.pid for component in sandbox.components()}
    if (pid := pids["kube-apiserver"]) is None:
        return False
    os.kill(pid, signal.SIGKILL)
    time.sleep(AWAY)
    sandbox.up()
    return True
