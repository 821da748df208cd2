"""Outages: what is broken from a point of a command on, until the command has ended."""

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faults import proxy
from faults.points import Victim
from meshctl.workspace.stack import Workspace
from sandbox.cluster import Sandbox

AWAY = 20.0  # seconds that the API server is away
SAYS: Mapping[Victim, str] = {
    "API server": f"API server gone for {AWAY:.0f} s",
    "requests": "one request in ten is answered by 429 or 503",
    "latency": f"each request takes {proxy.DELAY} longer",
    "webhook": "a webhook doesn't answer",
    "disk": "disk with the state is full",
}
"""The outages, as the table of the results has them."""
BUSY_SHARES = {proxy.BUSY: 5, proxy.BROKEN: 5}
WEBHOOK = "faults-silent"
DISK = "16m"
BLOCK = 4096  # bytes
ON_SMALL_DISK = (
    'set -e; state=$1 copy=$2; shift 2; mkdir -p "$copy"; cp -a "$state/." "$copy"; '
    f'mount -t tmpfs -o size={DISK},mode=0700 state "$state"; cp -a "$copy/." "$state"; '
    'code=0; "$@" || code=$?; rm -rf "$copy"; mkdir "$copy"; cp -a "$state/." "$copy"; exit $code'
)
"""Script that runs a command with its state on a disk of its own, and keeps what is there then."""
FILLER = "filler"


@dataclass(frozen=True, kw_only=True)
class Outage:
    """An outage that is ready to begin."""

    begin: Callable[[int], None]
    """Begins it; takes the ID of a process of the command."""
    wrapper: tuple[str, ...] = ()
    """The words before the command's own that it must be run with."""


@contextmanager
def prepared(workspace: Workspace, victim: Victim) -> Generator[Outage]:
    """Prepare an outage, and end it after the block."""
    sandbox = workspace.sandbox
    assert sandbox is not None  # noqa: S101 - the stack of the faults names no context
    if victim == "disk":
        with _small_disk(sandbox) as outage:
            yield outage
    elif victim == "webhook":
        with _silent_webhook(workspace) as outage:
            yield outage
    elif victim == "API server":
        yield Outage(begin=lambda _pid: _take_away_api_server(sandbox))
    else:
        shares = BUSY_SHARES if victim == "requests" else {proxy.SLOW: 100}
        with proxy.running(sandbox) as way:
            yield Outage(begin=lambda _pid: way.set(shares))


def _take_away_api_server(sandbox: Sandbox) -> None:
    """Kill the sandbox's API server, and start it again later."""
    pids = {component.name: component.pid for component in sandbox.components()}
    if (pid := pids["kube-apiserver"]) is not None:
        os.kill(pid, signal.SIGKILL)
    time.sleep(AWAY)
    sandbox.up()


@contextmanager
def _silent_webhook(workspace: Workspace) -> Generator[Outage]:
    """Create a webhook for each object, whose server takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        webhook = {
            "name": "silent.faults.example.com",
            "clientConfig": {"url": f"https://127.0.0.1:{server.getsockname()[1]}/"},
            "rules": [
                {
                    "apiGroups": ["", "apps"],
                    "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE", "DELETE"],
                    "resources": ["services", "deployments", "configmaps", "serviceaccounts"],
                }
            ],
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 2,
        }
        manifest = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": WEBHOOK},
            "webhooks": [webhook],
        }

        def begin(_pid: int) -> None:
            workspace.kubectl("create", "-f", "-", standard_input=json.dumps(manifest))

        try:
            yield Outage(begin=begin)
        finally:
            workspace.kubectl(
                "delete", "validatingwebhookconfiguration", WEBHOOK, "--ignore-not-found"
            )


@contextmanager
def _small_disk(sandbox: Sandbox) -> Generator[Outage]:
    """Put the stacks' state on a small disk, in a mount namespace that needs no root."""
    copy = sandbox.folder / "state.copy"

    def fill(pid: int) -> None:
        # The disk is mounted for the command's processes only.
        file = Path(f"/proc/{pid}/root{sandbox.state}", FILLER)
        with file.open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(BLOCK))
            except OSError:
                return

    namespace = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", ON_SMALL_DISK, "sh")
    try:
        yield Outage(begin=fill, wrapper=(*namespace, str(sandbox.state), str(copy)))
    finally:
        if copy.exists():
            (copy / FILLER).unlink(missing_ok=True)
            shutil.rmtree(sandbox.state)
            copy.rename(sandbox.state)
