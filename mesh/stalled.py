"""Says, while an update waits for Deployments, why one of them gets no pods.

Pulumi waits ten minutes for a Deployment and says of it that it isn't available; why its pods
are refused, by an injector that doesn't answer or by a quota, only Kubernetes knows.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import pulumi

from mesh import stack_settings
from mesh.workspace import Workspace, WorkspaceError
from sandbox import console

PAUSE = 10.0  # seconds between two looks
REFUSED = (
    r'{range .items[*]}{.metadata.name}{"\t"}'
    r'{.status.conditions[?(@.type=="ReplicaFailure")].message}{"\n"}{end}'
)
"""Each Deployment, and why its last pod wasn't made, as kubectl's JSONPath."""
WEBHOOK = "failed calling webhook"  # how the API server begins, of whatever version it is


@contextmanager
def told(workspace: Workspace) -> Generator[None]:
    """Look now and then while the block runs, and say each reason once."""
    ended = threading.Event()
    watching = threading.Thread(target=_watch, args=(workspace, ended), daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


def _watch(workspace: Workspace, ended: threading.Event) -> None:
    known: set[str] = set()
    while not ended.wait(PAUSE):
        for reason in reasons(workspace):
            if reason not in known:
                known.add(reason)
                console.say(f"\n{reason}")


def reasons(workspace: Workspace) -> list[str]:
    """Say of each Deployment of the stack that gets no pods why."""
    return [
        f"{namespace}/{name} gets no pods: {message}{_remedy(workspace, message)}"
        for namespace in _namespaces(workspace)
        for name, message in _refused(workspace, namespace)
    ]


def _namespaces(workspace: Workspace) -> tuple[str, ...]:
    try:
        return stack_settings.read(workspace).namespaces
    except (pulumi.RunError, WorkspaceError):  # what is wrong with the stack, the program says
        return ()


def _refused(workspace: Workspace, namespace: str) -> list[tuple[str, str]]:
    try:
        printed = workspace.kubectl(
            *("get", "deployments", "--namespace", namespace),
            *("--request-timeout", "5s", "-o", f"jsonpath={REFUSED}"),
        )
    # A cluster that isn't there, or doesn't answer, is for the update to tell.
    except (pulumi.RunError, WorkspaceError):
        return []
    rows = (line.partition("\t") for line in printed.splitlines())
    return [(name, message) for name, _, message in rows if message]


def _remedy(workspace: Workspace, message: str) -> str:
    if WEBHOOK not in message:
        return ""
    return (
        "\n  the webhook doesn't answer, and the update goes on when it does: "
        f"kubectl get pods --namespace {workspace.setting('istioNamespace')}"
    )
