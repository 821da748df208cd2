"""Waiting for objects that show in themselves when they are ready."""

from collections.abc import Callable

from ..errors import ResourceError
from ..objects import Gvk, Object, pluck
from .informers import Event
from .session import Awaiter, Session, is_same, is_stale

STORAGE_CLASS = Gvk("storage.k8s.io", "v1", "StorageClass")


class SingleAwaiter(Awaiter):
    """An object, until a test of its own fields holds."""

    late = "Timeout occurred polling for '{name}'"
    cancelled = "Resource operation was cancelled for '{name}'"

    def __init__(
        self, obj: Object, holds: Callable[[Object], bool], missing: str, *, minutes: float = 5
    ) -> None:
        self.object = obj
        self.seconds = minutes * 60
        """How long to wait, whatever the program says: upstream doesn't ask it."""
        self._holds = holds
        self._missing = missing

    def subscribe(self, session: Session) -> None:
        """Follow the object's collection."""
        session.follow_own(self.object)

    def handle(self, event: Event) -> None:
        """Take in a new version of the object."""
        if (
            event.tag == "own"
            and event.kind != "DELETED"
            and is_same(event.object, self.object)
            and not is_stale(event.object, self.object)
        ):
            self.object = event.object

    def ready(self) -> bool:
        """Tell whether the test holds."""
        return self._holds(self.object)

    def status(self) -> str:
        """Say what is missing."""
        return self._missing

    def reasons(self) -> list[str]:
        """List nothing: the message says it."""
        return []


def persistent_volume(obj: Object) -> SingleAwaiter:
    """Wait for a PersistentVolume to be available or bound."""
    return SingleAwaiter(
        obj,
        lambda volume: pluck(volume, "status", "phase") in ("Available", "Bound"),
        "Waiting for PV to be available",
    )


def quota(obj: Object) -> SingleAwaiter:
    """Wait until the quota's controller has taken its limits over."""
    return SingleAwaiter(
        obj,
        lambda quota: (
            isinstance(pluck(quota, "spec", "hard"), dict)
            and pluck(quota, "spec", "hard") == pluck(quota, "status", "hard")
        ),
        "Waiting for ResourceQuota limits to be observed",
        minutes=1,
    )


def replication_controller(obj: Object) -> SingleAwaiter:
    """Wait until a ReplicationController has its Pods available."""
    return SingleAwaiter(
        obj,
        lambda rc: pluck(rc, "spec", "replicas") == (pluck(rc, "status", "availableReplicas") or 0),
        "Waiting for ReplicationController replicas to be available",
        minutes=10,
    )


def token_secret(obj: Object) -> SingleAwaiter:
    """Wait until a service account's token was put into its Secret."""
    return SingleAwaiter(
        obj, lambda secret: bool(secret.get("data")), "Waiting for the token", minutes=5 / 60
    )


def service_account(obj: Object) -> SingleAwaiter:
    """Wait for the Secret that clusters before 1.24 make for each ServiceAccount."""
    given = len(obj.get("secrets") or [])
    return SingleAwaiter(
        obj,
        lambda account: len(account.get("secrets") or []) > given,
        "Waiting for the ServiceAccount's default Secret",
    )


def volume_claim(obj: Object, session: Session, *, update: bool) -> SingleAwaiter:
    """Wait until a claim is bound, or is pending for want of a first Pod."""
    late = _binds_late(obj, session)

    def holds(claim: Object) -> bool:
        phase = pluck(claim, "status", "phase")
        if update and phase == "Bound":
            return True
        return phase == ("Pending" if late else "Bound")

    return SingleAwaiter(obj, holds, "Waiting for PersistentVolumeClaim to be bound")


def _binds_late(claim: Object, session: Session) -> bool:
    name = pluck(claim, "spec", "storageClassName")
    if not name:
        session.say(f'no storage class found for "{pluck(claim, "metadata", "name")}"')
        return False
    try:
        found = session.cluster.get(session.cluster.path(STORAGE_CLASS, "", name))
    except ResourceError as error:
        session.say(f'getting storageclass "{name}": {error}')
        return False
    return found.get("volumeBindingMode") == "WaitForFirstConsumer"
