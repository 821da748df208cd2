"""Waiting for a Deployment's rollout."""

from typing import Any

from ..objects import (
    Gvk,
    Object,
    annotation_of,
    generation_of,
    name_of,
    namespace_of,
    owned_by,
    pluck,
    uid_of,
)
from .informers import Event
from .pods import POD, pod_errors
from .session import Awaiter, Session, is_same

REVISION = "deployment.kubernetes.io/revision"
REPLICA_SET = Gvk("apps", "v1", "ReplicaSet")
CLAIM = Gvk("", "v1", "PersistentVolumeClaim")
NO_DEADLINE = 2**31 - 1
_TOO_FEW = "Minimum number of live Pods was not attained"
_NOT_LIVE = "Minimum number of Pods to consider the application live was not attained"


class DeploymentAwaiter(Awaiter):
    """A Deployment, until the ReplicaSet of its present revision has its Pods."""

    def __init__(self, obj: Object) -> None:
        self.object = obj
        self._generation = generation_of(obj)
        self._uid = uid_of(obj)
        self._replica_sets: dict[str, Object] = {}
        self._pods: dict[str, Object] = {}
        self._claims: dict[str, Object] = {}
        self._seen = False

    def subscribe(self, session: Session) -> None:
        """Follow what a rollout touches in the namespace."""
        namespace = namespace_of(self.object)
        session.follow_own(self.object)
        session.follow(REPLICA_SET, namespace, "replica set")
        session.follow(POD, namespace, "pod")
        if self._claim_names():
            session.follow(CLAIM, namespace, "claim")

    def handle(self, event: Event) -> None:
        """Take in a new version of something that the rollout touches."""
        obj = event.object
        if event.tag == "own" and is_same(obj, self.object):
            self._take_deployment(event)
        elif event.tag == "replica set" and any(
            reference.get("uid") == self._uid
            for reference in pluck(obj, "metadata", "ownerReferences") or []
        ):
            _keep(self._replica_sets, annotation_of(obj, REVISION), event)
        elif event.tag == "pod":
            _keep(self._pods, name_of(obj), event)
        elif event.tag == "claim" and name_of(obj) in self._claim_names():
            _keep(self._claims, name_of(obj), event)

    def _take_deployment(self, event: Event) -> None:
        if event.kind == "DELETED" or generation_of(event.object) < self._generation:
            return
        observed = pluck(event.object, "status", "observedGeneration")
        if self._seen or observed == generation_of(event.object):
            # Until the controller has seen this generation, its status is the last one's.
            self._seen = True
            self.object = event.object

    def ready(self) -> bool:
        """Tell whether the rollout is over and its Pods are there."""
        return (
            self._seen
            and self._condition_is("Available")
            and (self._revision() == "1" or self._is_rolled_out())
            and self._replica_set_is_ready()
            and not self._unbound_claims()
        )

    def _revision(self) -> str:
        return annotation_of(self.object, REVISION)

    def _replica_set(self) -> Object | None:
        return self._replica_sets.get(self._revision()) if self._revision() else None

    def _conditions(self) -> list[dict[str, Any]]:
        return (pluck(self.object, "status", "conditions") or []) if self._seen else []

    def _condition_is(self, kind: str) -> bool:
        return any(c["type"] == kind and c.get("status") == "True" for c in self._conditions())

    def _is_rolled_out(self) -> bool:
        # What was made by extensions/v1beta1 has no deadline by default, and so no progress.
        if pluck(self.object, "spec", "progressDeadlineSeconds") == NO_DEADLINE:
            return self._is_complete()
        return any(
            condition["type"] == "Progressing"
            and condition.get("status") == "True"
            and condition.get("reason") == "NewReplicaSetAvailable"
            for condition in self._conditions()
        )

    def _is_complete(self) -> bool:
        status = pluck(self.object, "status") or {}
        wanted = pluck(self.object, "spec", "replicas")
        return not status.get("unavailableReplicas") and (
            status.get("replicas", 0) == status.get("updatedReplicas", 0) == wanted
        )

    def _replica_set_is_ready(self) -> bool:
        replica_set = self._replica_set()
        if replica_set is None:
            return False
        available, wanted = self._counts(replica_set)
        return wanted == 0 if available is None else available >= wanted

    @staticmethod
    def _counts(replica_set: Object) -> tuple[int | None, int]:
        wanted = pluck(replica_set, "spec", "replicas")
        return pluck(replica_set, "status", "readyReplicas"), 1 if wanted is None else wanted

    def _claim_names(self) -> set[str]:
        volumes = pluck(self.object, "spec", "template", "spec", "volumes") or []
        return {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in volumes
            if volume.get("persistentVolumeClaim")
        }

    def _unbound_claims(self) -> list[str]:
        return [
            name
            for name, claim in self._claims.items()
            if pluck(claim, "status", "phase") != "Bound"
        ]

    def status(self) -> str:
        """Say how many Pods are there."""
        replica_set = self._replica_set()
        if replica_set is None:
            return "Waiting for app ReplicaSet to be created"
        available, wanted = self._counts(replica_set)
        return (
            f"Waiting for app ReplicaSet to be available ({available or 0}/{wanted} Pods available)"
        )

    def reasons(self) -> list[str]:
        """List what the controller and the Pods complain about."""
        found = [
            f"[{condition['reason']}] {condition.get('message', '')}"
            for condition in self._conditions()
            if condition["type"] in ("Progressing", "Available")
            and condition.get("status") != "True"
            and condition.get("reason")
        ]
        if unbound := self._unbound_claims():
            found.append(f'Failed to bind PersistentVolumeClaim(s): "{",".join(unbound)}"')
        first = self._revision() == "1"
        if not self._condition_is("Available"):
            found.append(_TOO_FEW)
        elif not first and not self._is_rolled_out():
            found.append(_NOT_LIVE)
        elif not self._replica_set_is_ready():
            found.append(
                _NOT_LIVE
                if first
                else "Attempted to roll forward to new ReplicaSet, but minimum number of Pods "
                "did not become live"
            )
        replica_set = self._replica_set()
        owned = [pod for pod in self._pods.values() if owned_by(pod, replica_set)]
        return found + pod_errors(owned, replica_set)


def _keep(store: dict[str, Object], key: str, event: Event) -> None:
    if event.kind == "DELETED":
        store.pop(key, None)
    else:
        store[key] = event.object
