"""Waiting for StatefulSets and DaemonSets to have their Pods."""

from ..objects import Object, generation_of, name_of, namespace_of, pluck
from .informers import Event
from .pods import POD, pod_errors
from .session import Awaiter, Session, is_same


class StatefulSetAwaiter(Awaiter):
    """A StatefulSet, until its Pods are ready and of the wanted revision."""

    def __init__(self, obj: Object) -> None:
        self.object = obj
        self._generation = generation_of(obj)
        self._pods: dict[str, Object] = {}
        self._seen = False

    def subscribe(self, session: Session) -> None:
        """Follow the namespace's StatefulSets and Pods."""
        session.follow_own(self.object)
        session.follow(POD, namespace_of(self.object), "pod")

    def handle(self, event: Event) -> None:
        """Take in a new version of the StatefulSet or of a Pod."""
        if event.tag == "pod":
            self._pods[name_of(event.object)] = event.object
        elif event.tag == "own" and is_same(event.object, self.object):
            fresh = generation_of(event.object) >= self._generation
            if fresh and event.kind != "DELETED":
                self._seen = True
                self.object = event.object

    def _count(self, key: str) -> int:
        return pluck(self.object, "status", key) or 0

    def _wanted(self) -> int:
        return pluck(self.object, "spec", "replicas") or 0

    def _observed(self) -> bool:
        observed = pluck(self.object, "status", "observedGeneration")
        return self._seen and bool(observed) and observed >= generation_of(self.object)

    def _manual(self) -> bool:
        on_delete = pluck(self.object, "spec", "updateStrategy", "type") == "OnDelete"
        return on_delete and generation_of(self.object) > 1

    def _revision_is_ready(self) -> bool:
        current = pluck(self.object, "status", "currentRevision")
        updated = pluck(self.object, "status", "updateRevision")
        return self._observed() and (self._manual() or bool(current and current == updated))

    def _replicas_are_ready(self) -> bool:
        keys = ["replicas", "readyReplicas"] + ([] if self._manual() else ["currentReplicas"])
        return self._observed() and all(self._count(key) == self._wanted() for key in keys)

    def ready(self) -> bool:
        """Tell whether the rollout is over."""
        return self._replicas_are_ready() and self._revision_is_ready()

    def _progress(self) -> int:
        ready, updated = self._count("readyReplicas"), self._count("updatedReplicas")
        return ready if self._revision_is_ready() else min(ready, updated)

    def status(self) -> str:
        """Say which step is next."""
        counts = f"({self._progress()}/{self._wanted()} Pods ready)"
        if generation_of(self.object) <= 1:
            return f"[1/2] Waiting for StatefulSet to create Pods {counts}"
        if not self._replicas_are_ready():
            return f"[1/3] Waiting for StatefulSet update to roll out {counts}"
        return "[2/3] Waiting for StatefulSet to update .status.currentRevision"

    def reasons(self) -> list[str]:
        """List what is missing, and what the Pods complain about."""
        found = []
        if not self._replicas_are_ready():
            found.append(
                f"{self._progress()} out of {self._wanted()} replicas succeeded readiness checks"
            )
        if not self._revision_is_ready():
            found.append(
                "StatefulSet controller failed to advance from revision "
                f'"{pluck(self.object, "status", "currentRevision") or ""}" to revision '
                f'"{pluck(self.object, "status", "updateRevision") or ""}"'
            )
        return found + pod_errors(self._pods.values(), self.object)


class DaemonSetAwaiter(Awaiter):
    """A DaemonSet, until each node that should has an updated, available Pod."""

    late = cancelled = "timed out waiting for the condition"

    def __init__(self, obj: Object) -> None:
        self.object = obj
        self._generation = generation_of(obj)

    def subscribe(self, session: Session) -> None:
        """Follow the namespace's DaemonSets."""
        session.follow_own(self.object)

    def handle(self, event: Event) -> None:
        """Take in a new version of the DaemonSet."""
        if event.tag == "own" and is_same(event.object, self.object):
            fresh = generation_of(event.object) >= self._generation
            if fresh and event.kind != "DELETED":
                self.object = event.object

    def _missing(self) -> str:
        observed = pluck(self.object, "status", "observedGeneration")
        if observed is None or observed < generation_of(self.object):
            return (
                f"DaemonSet generation is {generation_of(self.object)}, but latest observed "
                f"generation is {observed or 0}"
            )
        wanted = pluck(self.object, "status", "desiredNumberScheduled")
        if wanted is None:
            return "Missing .status.desiredNumberScheduled"
        for key, word in (
            ("currentNumberScheduled", "Current"),
            ("updatedNumberScheduled", "Updated"),
            ("numberAvailable", "Available"),
            ("numberReady", "Ready"),
        ):
            count = pluck(self.object, "status", key) or 0
            if count < wanted:
                return f"{word}: {count}/{wanted}"
        return ""

    def ready(self) -> bool:
        """Tell whether every node has its Pod."""
        return not self._missing()

    def status(self) -> str:
        """Say what is missing."""
        return self._missing()

    def reasons(self) -> list[str]:
        """List nothing: upstream passes over what is but a warning of a Pod."""
        return []
