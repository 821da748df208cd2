"""A watch on the cluster during an update: why pods don't start, in Kubernetes' own words.

Pulumi waits ten minutes for a Deployment, and then says only that it isn't available. Why the API
server refuses its pods, because of an injector that doesn't answer or of a quota, and why a pod
doesn't start, only Kubernetes knows. Pulumi waits as long for a load balancer's address, which a
cluster without load balancers never gives.
"""

import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pulumi
from lightkube.core.exceptions import ApiError, ConfigError

from mesh.kubernetes import watch_list
from mesh.kubernetes.client import checked, kubernetes_version, plain
from meshctl.update.events import Update
from meshctl.update.remedies import remedy
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import Workspace, WorkspaceError

Manifest = Mapping[str, Any]

NO_ANSWER = (
    *(pulumi.RunError, WorkspaceError, ConfigError),
    *(ApiError, httpx2.HTTPError, ValueError, OSError),
)
"""The errors of a cluster that can't be asked."""
PAUSE = 2.0  # seconds between two looks at the cluster
LOOKS = 2  # looks in which a problem must be seen: many pass by themselves
USUAL = timedelta(seconds=60)  # within which a cloud usually gives an address
PATHS = {
    "deployments": "/apis/apps/v1/namespaces/{}/deployments",
    "services": "/api/v1/namespaces/{}/services",
    "pods": "/api/v1/namespaces/{}/pods",
    "warnings": "/api/v1/namespaces/{}/events?fieldSelector=type%3DWarning&limit=500",
}
"""The lists that a look reads, in each of the stack's namespaces."""
NAMESPACE = "/api/v1/namespaces/{}"
REMAINING = ("NamespaceFinalizersRemaining", "NamespaceContentRemaining")
"""The conditions of a namespace that is being deleted and still has objects."""
STARTING = ("ContainerCreating", "PodInitializing")


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why an object isn't ready."""

    workload: str
    """Namespace and name of the Deployment, DaemonSet or Service that waits."""
    text: str
    remedy: str = ""
    is_problem: bool = True
    """Whether it may need somebody: a pod that is just starting doesn't."""

    @property
    def paragraph(self) -> str:
        """The text, and the remedy in a line of its own."""
        return "\n  ".join(filter(None, (self.text, self.remedy)))


@dataclass(frozen=True, kw_only=True)
class Objects:
    """The objects of the stack's namespaces at one time."""

    deployments: Sequence[Manifest] = ()
    services: Sequence[Manifest] = ()
    pods: Sequence[Manifest] = ()
    warnings: Sequence[Manifest] = ()
    namespaces: Sequence[Manifest] = ()


@dataclass(kw_only=True)
class Watch:
    """What the looks at the cluster have found."""

    workspace: Workspace
    namespaces: tuple[str, ...]
    update: Update
    reasons: Sequence[Reason] = ()
    """The reasons of the last look."""
    _seen: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_stack(cls, workspace: Workspace, update: Update) -> "Watch":
        """Return a watch on the namespaces of a stack."""
        return cls(workspace=workspace, namespaces=_namespaces(workspace), update=update)

    def of(self, name: str) -> Reason | None:
        """Return why an object isn't ready, by its namespace and name; problems first."""
        found = [each for each in self.reasons if _belongs(each.workload, name)]
        return next((each for each in found if each.is_problem), next(iter(found), None))

    def problems(self, objects: Objects) -> list[Reason]:
        """Take in a look, and return the problems of awaited objects that are to be told now."""
        istio_namespace = self.workspace.setting("istioNamespace")
        self.reasons = [*reasons(objects, istio_namespace), *_unlisted(self.workspace, objects)]
        awaited = [step.name for step in self.update.running]
        told = []
        for each in self.reasons:
            is_awaited = any(_belongs(each.workload, name) for name in awaited)
            if each.is_problem and (is_awaited or not each.workload):
                # Pods of one workload have the same problem, under different names.
                key = f"{each.workload}: {each.remedy or each.text}"
                self._seen[key] = self._seen.get(key, 0) + 1
                if self._seen[key] == LOOKS:
                    told.append(each)
        return told


@contextmanager
def watched(watch: Watch, tell: Callable[[str], None]) -> Generator[None]:
    """Look at the cluster regularly while the block runs, and tell each problem once."""
    ended = threading.Event()
    watching = threading.Thread(target=_watch, args=(watch, tell, ended), daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


def _watch(watch: Watch, tell: Callable[[str], None], ended: threading.Event) -> None:
    while not ended.is_set():
        # The update itself reports a cluster that doesn't exist or doesn't answer.
        try:
            with plain(watch.workspace.cluster) as client:
                while not ended.wait(PAUSE):
                    if watch.update.running:
                        for problem in watch.problems(look(client, watch.namespaces)):
                            tell(problem.paragraph)
        except NO_ANSWER:
            ended.wait(PAUSE)


def look(client: httpx2.Client, namespaces: Sequence[str]) -> Objects:
    """Read the objects of the namespaces; who may not list some of them sees the others."""
    found: dict[str, list[Manifest]] = {kind: [] for kind in PATHS}
    for kind, path in PATHS.items():
        for namespace in namespaces:
            answer = client.get(path.format(namespace))
            if answer.status_code != httpx2.codes.FORBIDDEN:
                found[kind] += checked(answer).json()["items"]
    answers = [client.get(NAMESPACE.format(namespace)) for namespace in namespaces]
    return Objects(**found, namespaces=[each.json() for each in answers if each.is_success])


def reasons(objects: Objects, istio_namespace: str) -> list[Reason]:
    """List why Deployments get no pods, pods don't start, and gateways have no address."""
    return [
        *_refused(objects.deployments, istio_namespace),
        *(
            reason
            for pod in objects.pods
            if (reason := of_pod(pod, objects.warnings, istio_namespace)) is not None
        ),
        *_without_address(objects.services),
        *_remaining(objects.namespaces),
    ]


def of_pod(pod: Manifest, warnings: Sequence[Manifest], istio_namespace: str = "") -> Reason | None:
    """Return why a pod isn't ready, or None if it is, has ended or is being deleted."""
    metadata, status = pod["metadata"], pod.get("status", {})
    conditions = {each["type"]: each for each in status.get("conditions") or []}
    is_ready = conditions.get("Ready", {}).get("status") == "True"
    if is_ready or status.get("phase") == "Succeeded" or metadata.get("deletionTimestamp"):
        return None
    says, is_problem = _says(status, conditions)
    if not is_problem and (warning := _newest(pod, warnings)):
        says = f"{warning['reason']}: {warning.get('message', '').strip()}"
    namespace, name = metadata["namespace"], metadata["name"]
    advice = remedy(says, namespace=namespace, pod=name, istio_namespace=istio_namespace)
    return Reason(
        workload=f"{namespace}/{_workload(metadata)}",
        text=f"Pod {namespace}/{name}: {says}",
        remedy=advice if is_problem else "",
        is_problem=is_problem,
    )


def _says(status: Manifest, conditions: Mapping[str, Manifest]) -> tuple[str, bool]:
    """Return what a pod says, and whether it is a problem."""
    if status.get("phase") == "Failed":  # a full node, an eviction
        return f"{status.get('reason', 'Failed')}: {status.get('message', 'it has ended')}", True
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason')}: {scheduled.get('message', '')}".rstrip(": "), True
    containers = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    for container in containers:
        waiting = container.get("state", {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason == "CrashLoopBackOff":
            return _crash(container), True
        if reason and reason not in STARTING:
            told = f": {waiting['message']}" if waiting.get("message") else ""
            return f"container {container['name']}: {reason}{told}", True
    for container in containers:
        if not container.get("ready") and not _has_succeeded(container):
            reason = (container.get("state", {}).get("waiting") or {}).get("reason")
            return f"container {container['name']}: {reason or 'not ready yet'}", False
    return "starting", False


def _crash(container: Manifest) -> str:
    last = container.get("lastState", {}).get("terminated") or {}
    code, reason = last.get("exitCode", "?"), last.get("reason", "Error")
    times = container.get("restartCount", 0)
    said = f": {last['message'].strip()}" if last.get("message") else ""
    return (
        f"container {container['name']}: CrashLoopBackOff: it ended {times} times, "
        f"last with exit code {code} ({reason}){said}"
    )


def _has_succeeded(container: Manifest) -> bool:
    terminated = container.get("state", {}).get("terminated")
    return terminated is not None and terminated.get("exitCode") == 0


def _newest(pod: Manifest, warnings: Sequence[Manifest]) -> Manifest | None:
    """Return the newest warning about a pod."""
    own = [w for w in warnings if w.get("involvedObject", {}).get("uid") == pod["metadata"]["uid"]]
    return max(own, key=lambda w: w.get("lastTimestamp") or w.get("eventTime") or "", default=None)


def _workload(metadata: Manifest) -> str:
    """Return the name of the Deployment, or of another workload, that a pod belongs to."""
    owner = next(iter(metadata.get("ownerReferences") or ()), None)
    if owner is None:
        return metadata["name"]
    name = owner["name"]
    return name.rpartition("-")[0] if owner["kind"] == "ReplicaSet" else name


def _belongs(workload: str, name: str) -> bool:
    """Return whether a workload is the object, or what istiod deploys for a Gateway."""
    return workload in (name, f"{name}-istio")


def _refused(deployments: Sequence[Manifest], istio_namespace: str) -> Iterator[Reason]:
    for deployment in deployments:
        namespace, name = (deployment["metadata"][key] for key in ("namespace", "name"))
        for condition in deployment.get("status", {}).get("conditions") or []:
            if condition["type"] == "ReplicaFailure" and condition.get("message"):
                message = condition["message"]
                yield Reason(
                    workload=f"{namespace}/{name}",
                    text=f"Deployment {namespace}/{name} gets no pods: {message}",
                    remedy=remedy(message, namespace=namespace, istio_namespace=istio_namespace),
                )


def _without_address(services: Sequence[Manifest]) -> Iterator[Reason]:
    long_ago = datetime.now(UTC) - USUAL
    for service in services:
        metadata = service["metadata"]
        is_given = service.get("status", {}).get("loadBalancer", {}).get("ingress")
        if service["spec"].get("type") != "LoadBalancer" or is_given:
            continue
        name = f"{metadata['namespace']}/{metadata['name']}"
        if datetime.fromisoformat(metadata["creationTimestamp"]) < long_ago:
            yield Reason(
                workload=name,
                text=f"gateway {name} has no address after a minute: if the cluster has no load "
                "balancers, use ports of its nodes: pulumi config set --path "
                "'gateways[0].serviceType' NodePort",
            )
        else:
            yield Reason(workload=name, text="no address yet", is_problem=False)


def _remaining(namespaces: Sequence[Manifest]) -> Iterator[Reason]:
    for namespace in namespaces:
        name = namespace["metadata"]["name"]
        conditions = namespace.get("status", {}).get("conditions") or []
        messages = {c["type"]: c.get("message", "") for c in conditions if c["status"] == "True"}
        for kind in REMAINING:
            if kind in messages:
                yield Reason(
                    workload=name,
                    text=f"Namespace {name}: {messages[kind]}",
                    is_problem=kind == REMAINING[0],
                )


def _unlisted(workspace: Workspace, objects: Objects) -> list[Reason]:
    """Return why nothing is created on an old cluster, while the stack has no Service there."""
    if objects.services:
        return []
    try:
        kubernetes = kubernetes_version(workspace.cluster)
    except (pulumi.RunError, WorkspaceError):
        return []
    is_off = watch_list.OFF.items() <= {**os.environ, **workspace.environment}.items()
    if not watch_list.is_unknown(kubernetes) or is_off:
        return []
    return [Reason(workload="", text=watch_list.remedy(kubernetes))]


def _namespaces(workspace: Workspace) -> tuple[str, ...]:
    try:
        return read_settings(workspace).namespaces
    except (pulumi.RunError, WorkspaceError):  # the program reports mistakes in the config
        return ()
