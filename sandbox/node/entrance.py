"""The entrance to the node's network and to its pods': for requests that are sent from there."""

from pathlib import Path

import psutil

from sandbox import processes
from sandbox.dataplane.proxy import CONTAINER

KUBELET = "sandbox.node.kubelet"


def to_node(folder: Path) -> list[str]:
    """Return the beginning of a command that runs the rest where no sidecar is."""
    return _enter(next(each for each in of_node(folder) if KUBELET in each.cmdline()))


def to_pod(folder: Path, namespace: str, name: str) -> list[str]:
    """Return the beginning of a command that runs the rest where a pod's application is."""
    return _enter(sidecar(folder, namespace, name))


def sidecar(folder: Path, namespace: str, name: str) -> psutil.Process:
    """Return the process of a pod's sidecar, by the sandbox's folder."""
    place = str(folder / "pods" / f"{namespace}_{name}" / CONTAINER)
    found = (each for each in of_node(folder) if each.name() == "pilot-agent")
    return next(each for each in found if each.cwd() == place)


def of_node(folder: Path) -> list[psutil.Process]:
    """Return the processes of the node and of all its pods, the porter first."""
    porter = processes.of_file(folder / "node.pid", folder)
    return [porter, *porter.children(recursive=True)] if porter else []


def _enter(process: psutil.Process) -> list[str]:
    entering = ["nsenter", f"--target={process.pid}", "--user", "--preserve-credentials", "--net"]
    return [*entering, "--mount"]
