"""A disturbed run of `meshctl up` or `destroy`: what is killed, and how the command ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from faults import outages
from faults.outages import Outage
from faults.points import FOLLOWED_BY, OUTAGES, Command, Point, Victim
from mesh import project
from mesh.istio import release
from mesh.project import PROJECT
from meshctl.update.events import EVENT_LOG
from meshctl.workspace.stack import Workspace

PAUSE = 0.05  # seconds between two looks at Pulumi's events
PATIENCE = 300.0  # seconds until a command that doesn't end is killed
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
    with tempfile.TemporaryFile("w+") as output, ExitStack() as stack:
        disturb: Callable[[int], bool] | None = None
        wrapper: tuple[str, ...] = ()
        if point is not None and point.victim in OUTAGES:
            outage = stack.enter_context(outages.prepared(workspace, point.victim))
            disturb, wrapper = partial(_begin, outage), outage.wrapper
        elif point is not None:
            disturb = partial(_kill, point.victim)
        with subprocess.Popen(
            [*wrapper, sys.executable, "-m", "meshctl", *_words(workspace, command)],
            cwd=PROJECT,
            env={**os.environ, "STACK": workspace.stack, "SANDBOX": workspace.sandbox_name},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                at = point.resource if point else 0
                resources, hit, seconds = _followed(process, at, disturb)
                code = process.poll()
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        output.seek(0)
        said = output.read()
    return Run(resources=tuple(resources), hit=hit, seconds=seconds, code=code, said=said)


def _words(workspace: Workspace, command: Command) -> Iterator[str]:
    """Yield the words of meshctl's command line: an upgrade and a canary are an `up`."""
    version = workspace.setting("istioVersion")
    major, minor, patch = version.split(".")
    # Another patch of the same charts: it differs in the images.
    changed = {
        "istioVersion": f"{major}.{minor}.{int(patch) + 1}",
        "releaseDir": str(release.folder_of(version, None)),
    }
    yield "destroy" if command == "destroy" else "up"
    if command in FOLLOWED_BY:
        prefix = "canary." if command == "canary" else ""
        canary = {"revision": "canary"} if command == "canary" else {}
        yield from ("--", "--config-path")
        for key, value in {**canary, **changed}.items():
            yield from ("--config", f"{project.read(PROJECT)['name']}:{prefix}{key}={value}")


def _followed(
    process: subprocess.Popen[bytes], at: int, disturb: Callable[[int], bool] | None
) -> tuple[list[str], bool, float]:
    """Follow a command to its end, or until patience ends; return what a Run has of it."""
    began, hit = time.monotonic(), False
    resources: list[str] = []
    begun = _begun(process.pid)
    while process.poll() is None and time.monotonic() < began + PATIENCE:
        resources += next(begun)
        if disturb is not None and not hit and len(resources) >= at:
            moment = time.monotonic()
            if hit := disturb(process.pid):
                began = moment
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
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                words = child.cmdline()
                if EVENT_LOG in words:
                    return child, Path(words[words.index(EVENT_LOG) + 1])
    return None


def _begin(outage: Outage, pid: int) -> bool:
    """Begin an outage, and return whether the command still ran."""
    with suppress(psutil.NoSuchProcess):
        if (found := _engine(pid)) is not None:
            outage.begin(found[0].pid)
            return True
    return False


def _kill(victim: Victim, pid: int) -> bool:
    """Kill a process of the command, and return whether there was one."""
    with suppress(psutil.NoSuchProcess):
        if (found := _engine(pid)) is not None:
            engine, _ = found
            for process in (engine, *engine.children(recursive=True)):
                if victim == "engine" or NAMES[victim] in " ".join(process.cmdline()[:2]):
                    process.kill()
                    return True
    return False
