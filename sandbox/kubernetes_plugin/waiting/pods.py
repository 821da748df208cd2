"""Waiting for Pods and Jobs, and what is wrong with the Pods of others."""

from collections.abc import Iterable
from typing import Any

from ..errors import NotReadyError
from ..objects import Gvk, Object, name_of, namespace_of, owned_by, pluck
from .informers import Event
from .session import Awaiter, Session, is_same

POD = Gvk("", "v1", "Pod")


def shown(obj: Object) -> str:
    """Name an object for a message, with its namespace unless it is `default`."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace not in ("", "default") else name_of(obj)


def _condition(obj: Object, kind: str) -> dict[str, Any] | None:
    conditions = pluck(obj, "status", "conditions") or []
    return next((each for each in conditions if each.get("type") == kind), None)


def _container_errors(pod: Object) -> list[str]:
    errors = []
    for status in pluck(pod, "status", "containerStatuses") or []:
        if status.get("ready"):
            continue
        waiting = pluck(status, "state", "waiting")
        if waiting and waiting.get("reason") != "ContainerCreating":
            errors.append(f"[{waiting.get('reason', '')}] {_trim(waiting.get('message', ''))}")
        ended = pluck(status, "state", "terminated")
        if ended and ended.get("reason"):
            if ended.get("message"):
                errors.append(f"[{ended['reason']}] {_trim(ended['message'])}")
            else:
                code = ended.get("exitCode", 0)
                errors.append(f'container "{status["name"]}" completed with exit code {code}')
        last = pluck(status, "lastState", "terminated")
        if last:
            errors.append(
                f'container "{status["name"]}" terminated at {last.get("finishedAt")} '
                f"({last.get('reason')}: exit code {last.get('exitCode', 0)})"
            )
            if last.get("message"):
                errors.append(last["message"])
    return errors


def _trim(message: str) -> str:
    head = "rpc error: code = Unknown desc = Error response from daemon: "
    return message.removeprefix(head).removesuffix(": manifest unknown")


def pod_state(pod: Object) -> tuple[bool, str, str]:
    """Tell whether a Pod is ready, what it waits for, and what is wrong with it.

    That no node takes it is nothing wrong yet: one may come.
    """
    scheduled = _condition(pod, "PodScheduled")
    if not scheduled or scheduled.get("status") != "True":
        return False, f'Waiting for Pod "{shown(pod)}" to be scheduled', ""
    for kind, word in (("Initialized", "initialized"), ("Ready", "ready")):
        condition = _condition(pod, kind)
        text = f'Waiting for Pod "{shown(pod)}" to be {word}'
        if not condition:
            return False, text, ""
        succeeded = kind == "Ready" and pluck(pod, "status", "phase") == "Succeeded"
        if condition.get("status") == "True" or succeeded:
            continue
        errors = _container_errors(pod)
        if not errors and not condition.get("message"):
            return False, text, ""
        cause = condition.get("message", "") if condition.get("reason") else ""
        return False, text, f"[Pod {shown(pod)}]: {cause}" + "\n".join(errors)
    return True, "", ""


def pod_errors(pods: Iterable[Object], owner: Object | None) -> list[str]:
    """List what is wrong with the Pods of an owner."""
    states = [pod_state(pod) for pod in pods if owned_by(pod, owner)]
    return [error for _, _, error in states if error]


class PodAwaiter(Awaiter):
    """A Pod, until it is scheduled, initialized and ready."""

    def __init__(self, obj: Object) -> None:
        self.object = obj
        self._state = pod_state(obj)

    def subscribe(self, session: Session) -> None:
        """Follow the Pods of the namespace."""
        session.follow_own(self.object)

    def handle(self, event: Event) -> None:
        """Look at a new version of the Pod."""
        if event.tag == "own" and is_same(event.object, self.object):
            self.object = event.object
            self._state = pod_state(event.object)

    def ready(self) -> bool:
        """Tell whether the Pod is ready or done."""
        return self._state[0]

    def status(self) -> str:
        """Say which step is next."""
        return self._state[1]

    def reasons(self) -> list[str]:
        """List the containers' errors."""
        return [self._state[2]] if self._state[2] else []


class JobAwaiter(Awaiter):
    """A Job, until it is complete; a failed one ends the wait."""

    def __init__(self, obj: Object) -> None:
        self.object = obj
        # Each once, in the order in which they came.
        self._errors: dict[str, None] = {}

    def subscribe(self, session: Session) -> None:
        """Follow the namespace's Jobs and Pods."""
        session.follow_own(self.object)
        session.follow(POD, namespace_of(self.object), "pod")

    def handle(self, event: Event) -> None:
        """Look at a new version of the Job or of a Pod."""
        if event.tag == "pod":
            self._errors |= dict.fromkeys(pod_errors([event.object], self.object))
        elif event.tag == "own" and is_same(event.object, self.object):
            self.object = event.object
            if failure := job_failure(event.object):
                self._errors[failure] = None
                message = f"Resource '{name_of(event.object)}' was created but failed to initialize"
                raise NotReadyError(message, event.object, self.reasons())

    def ready(self) -> bool:
        """Tell whether the Job is complete."""
        return job_is_ready(self.object)

    def status(self) -> str:
        """Say how many Pods are active, done and failed."""
        if not pluck(self.object, "status", "startTime"):
            return f'Waiting for Job "{shown(self.object)}" to start'
        active, succeeded, failed = (
            pluck(self.object, "status", key) or 0 for key in ("active", "succeeded", "failed")
        )
        return (
            f'Waiting for Job "{shown(self.object)}" to succeed '
            f"(Active: {active} | Succeeded: {succeeded} | Failed: {failed})"
        )

    def reasons(self) -> list[str]:
        """List what went wrong with the Pods, also with those that are gone."""
        return list(self._errors)


def job_failure(job: Object) -> str:
    """Say why a Job failed for good; empty while it may still succeed."""
    failed = _condition(job, "Failed")
    if not failed or failed.get("status") != "True":
        return ""
    if failed.get("reason") not in ("BackoffLimitExceeded", "DeadlineExceeded"):
        return ""
    return f"[{failed['reason']}] {failed.get('message', '')}"


def job_is_ready(job: Object) -> bool:
    """Tell whether a Job started and is complete."""
    complete = _condition(job, "Complete")
    return bool(
        pluck(job, "status", "startTime")
        and not job_failure(job)
        and complete
        and complete.get("status") == "True"
    )
