"""A watch on a running update: reports Deployments without pods and gateways without an address.

Pulumi waits ten minutes for a Deployment, and then says only that it isn't available. Why the API
server refuses its pods, because of an injector that doesn't answer or of a quota, only Kubernetes
knows. Pulumi waits as long for a load balancer's address, which a cluster without load balancers
never gives.
"""

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pulumi

import console
from mesh.kubernetes import watch_list
from mesh.kubernetes.client import kubernetes_version
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import Workspace, WorkspaceError

PAUSE = 10.0  # seconds between two checks
REFUSED = (
    r'{range .items[*]}{.metadata.name}{"\t"}'
    r'{.status.conditions[?(@.type=="ReplicaFailure")].message}{"\n"}{end}'
)
"""kubectl's JSONPath for each Deployment and the reason why its last pod wasn't created."""
NAMES = r'{range .items[*]}{.metadata.name}{"\n"}{end}'
PENDING = (
    r'{range .items[?(@.spec.type=="LoadBalancer")]}{.metadata.name}{"\t"}'
    r'{.metadata.creationTimestamp}{"\t"}{.status.loadBalancer.ingress[0]}{"\n"}{end}'
)
"""kubectl's JSONPath for each load balancer's Service: name, creation time, address if any."""
USUAL = timedelta(seconds=60)  # within which a cloud usually gives an address
WEBHOOK = "failed calling webhook"  # how the message begins in every version of the API server


@contextmanager
def told(workspace: Workspace) -> Generator[None]:
    """Check the cluster regularly while the block runs, and print each reason once."""
    ended = threading.Event()
    namespaces = _namespaces(workspace)
    watching = threading.Thread(target=_watch, args=(workspace, namespaces, ended), daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


def _watch(workspace: Workspace, namespaces: tuple[str, ...], ended: threading.Event) -> None:
    known: set[str] = set()
    while not ended.wait(PAUSE):
        for reason in reasons(workspace, namespaces):
            if reason not in known:
                known.add(reason)
                console.say(f"\n{reason}")


def reasons(workspace: Workspace, namespaces: tuple[str, ...]) -> list[str]:
    """List Deployments that get no pods, and gateways that have no address yet, with the reason."""
    unlisted = _unlisted(workspace, namespaces)
    refused = [
        f"Deployment {namespace}/{name} gets no pods: {message}{_remedy(workspace, message)}"
        for namespace in namespaces
        for name, message in _refused(workspace, namespace)
    ]
    waiting = [
        f"gateway {namespace}/{name} has no address after a minute: if the cluster has no load "
        "balancers, use ports of its nodes: pulumi config set --path 'gateways[0].serviceType' "
        "NodePort"
        for namespace in namespaces
        for name in _without_address(workspace, namespace)
    ]
    return [*unlisted, *refused, *waiting]


def _unlisted(workspace: Workspace, namespaces: tuple[str, ...]) -> list[str]:
    """Return why nothing is created on an old cluster, while the stack has no Service there."""
    if any(_asked(workspace, each, "services", NAMES) for each in namespaces):
        return []
    try:
        kubernetes = kubernetes_version(workspace.cluster)
    except (pulumi.RunError, WorkspaceError):
        return []
    is_off = watch_list.OFF.items() <= {**os.environ, **workspace.environment}.items()
    return (
        [watch_list.remedy(kubernetes)] if watch_list.is_unknown(kubernetes) and not is_off else []
    )


def _namespaces(workspace: Workspace) -> tuple[str, ...]:
    try:
        return read_settings(workspace).namespaces
    except (pulumi.RunError, WorkspaceError):  # the program reports mistakes in the config
        return ()


def _refused(workspace: Workspace, namespace: str) -> list[tuple[str, str]]:
    rows = (line.partition("\t") for line in _asked(workspace, namespace, "deployments", REFUSED))
    return [(name, message) for name, _, message in rows if message]


def _without_address(workspace: Workspace, namespace: str) -> list[str]:
    rows = (line.split("\t") for line in _asked(workspace, namespace, "services", PENDING))
    long_ago = datetime.now(UTC) - USUAL
    return [
        name
        for name, created, address in rows
        if not address and datetime.fromisoformat(created) < long_ago
    ]


def _asked(workspace: Workspace, namespace: str, kind: str, path: str) -> list[str]:
    try:
        printed = workspace.kubectl(
            *("get", kind, "--namespace", namespace),
            *("--request-timeout", "5s", "-o", f"jsonpath={path}"),
        )
    # The update itself reports a cluster that doesn't exist or doesn't answer.
    except (pulumi.RunError, WorkspaceError):
        return []
    return printed.splitlines()


def _remedy(workspace: Workspace, message: str) -> str:
    if WEBHOOK not in message:
        return ""
    return (
        "\n  the webhook doesn't answer; the update continues when it does. Check its pods: "
        f"kubectl get pods --namespace {workspace.setting('istioNamespace')}"
    )
