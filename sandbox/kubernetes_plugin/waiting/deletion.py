"""Waiting until an object is gone."""

from ..errors import ApiError, NoMatchError, NotReadyError
from ..objects import Object, annotation_of, gvk_of, name_of, pluck, uid_of
from .readiness import SKIP
from .session import Session, WaitCancelledError, WaitTimeoutError, is_same, is_stale

_LOOK_SECONDS = 3
# Only these kinds may be left behind while they are still being deleted.
_MAY_SKIP = frozenset(
    [
        *("v1/Namespace", "v1/Pod", "v1/ReplicationController", "batch/v1/Job"),
        *(
            f"apps/{version}/{kind}"
            for version in ("v1", "v1beta1", "v1beta2")
            for kind in ("DaemonSet", "Deployment", "StatefulSet")
        ),
    ]
)


def wait_until_gone(inputs: Object, obj: Object, session: Session) -> None:
    """Wait until an object, asked to be deleted, is gone.

    Raises:
        NotReadyError: The time is over, or the user stopped the deployment.

    """
    gvk = gvk_of(inputs)
    if annotation_of(inputs, SKIP) == "true" and f"{gvk.api_version}/{gvk.kind}" in _MAY_SKIP:
        session.say("Skipping await logic")
        return
    try:
        session.follow_own(obj)
        # Looked at after the watch began, so that no deletion falls between the two.
        latest = _look(obj, session)
    except NoMatchError:
        return
    if latest is None:
        return
    session.say(_missing(latest))
    ticks = 0
    try:
        for event in session.events():
            if event.tag == "tick":
                ticks += 1
                # The watch of a kind whose CRD goes away may end without a word.
                if ticks % _LOOK_SECONDS == 0 and _look(obj, session) is None:
                    return
                continue
            if not is_same(event.object, obj) or is_stale(event.object, latest):
                continue
            if event.kind == "DELETED" or uid_of(event.object) != uid_of(latest):
                return
            latest = event.object
            session.say(_missing(latest))
    except (WaitTimeoutError, WaitCancelledError) as error:
        if _look(obj, session) is None:
            return
        finalizers = ", ".join(pluck(latest, "metadata", "finalizers") or [])
        session.warn(f"finalizers might be preventing deletion ({finalizers})")
        raise NotReadyError(str(error), latest) from error


def _look(obj: Object, session: Session) -> Object | None:
    try:
        found = session.cluster.get(session.cluster.path_of(obj, name_of(obj)))
    except NoMatchError:
        return None
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    # An object of the same name made meanwhile is another one.
    return found if not uid_of(obj) or uid_of(found) == uid_of(obj) else None


def _missing(obj: Object) -> str:
    finalizers = pluck(obj, "metadata", "finalizers") or []
    if finalizers:
        return f"Resource scheduled for deletion; finalizers: {', '.join(finalizers)}"
    return "Resource scheduled for deletion"
