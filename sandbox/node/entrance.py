"""The entrance to the node's network and to its pods': for requests that are sent from there."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from console import UserError
from sandbox import processes
from sandbox.dataplane.proxy import CONTAINER

KUBELET = "sandbox.node.kubelet"
AGENT = "pilot-agent"


def to_node(folder: Path) -> list[str]:
    """Return the beginning of a command that runs the rest where no sidecar is."""
    return _enter(_first(folder, "the node", lambda each: KUBELET in each.cmdline()))


def to_pod(folder: Path, namespace: str, name: str) -> list[str]:
    """Return the beginning of a command that runs the rest where a pod's application is."""
    return _enter(sidecar(folder, namespace, name))


def sidecar(folder: Path, namespace: str, name: str) -> psutil.Process:
    """Return the process of a pod's sidecar, by the sandbox's folder."""
    place = str(folder / "pods" / f"{namespace}_{name}" / CONTAINER)
    whose = f"the sidecar of pod {namespace}/{name}"
    return _first(folder, whose, lambda each: each.name() == AGENT and each.cwd() == place)


def of_node(folder: Path) -> list[psutil.Process]:
    """Return the processes of the node and of all its pods, the outer one first."""
    outer = processes.of_file(folder / "node.pid", folder)
    if outer is None:
        return []
    with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
        return [outer, *outer.children(recursive=True)]
    return []


def _first(folder: Path, what: str, is_it: Callable[[psutil.Process], bool]) -> psutil.Process:
    for process in of_node(folder):
        with suppress(psutil.Error):  # a probe's program, which has ended meanwhile
            if is_it(process):
                return process
    raise UserError(f"{what} doesn't run: `make sandbox-status SANDBOX={folder.name}` shows all")


def _enter(process: psutil.Process) -> list[str]:
    entering = ["nsenter", f"--target={process.pid}", "--user", "--preserve-credentials", "--net"]
    return [*entering, "--mount"]
