"""Waiting for what `pulumi.com/waitFor` asks."""

import json

from ..errors import NotReadyError, ResourceError
from ..objects import Object, pluck
from . import jsonpath
from .informers import Event
from .session import (
    Session,
    WaitCancelledError,
    WaitTimeoutError,
    is_same,
    is_stale,
)


class AnnotationError(ResourceError):
    """The annotation asks for nothing that can be waited for."""


def expressions(annotation: str) -> list[str]:
    """Split the annotation's value: one expression, or a JSON list of them.

    Raises:
        AnnotationError: It holds no valid expression.

    """
    try:
        values = json.loads(annotation)
    except ValueError:
        values = [annotation]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        values = [annotation]
    if not values:
        raise AnnotationError("at least one condition must be specified")
    for value in values:
        if value.startswith("jsonpath="):
            try:
                jsonpath.parse(value)
            except ValueError as error:
                raise AnnotationError(str(error)) from error
        elif not value.startswith("condition="):
            raise AnnotationError(f'expected a "jsonpath=" or "condition=" prefix, got "{value}"')
    return values


def check(expression: str, obj: Object) -> tuple[bool, str]:
    """Tell whether an object fits an expression, and what is missing."""
    if expression.startswith("condition="):
        kind, _, status = expression.removeprefix("condition=").partition("=")
        return _check_condition(obj, kind, status or "True")
    observed = pluck(obj, "status", "observedGeneration")
    if isinstance(observed, int) and observed < (pluck(obj, "metadata", "generation") or 0):
        return False, ""
    return jsonpath.parse(expression).matches(obj)


def _check_condition(obj: Object, kind: str, wanted: str) -> tuple[bool, str]:
    conditions = pluck(obj, "status", "conditions")
    if not isinstance(conditions, list):
        return False, "Has no .status.conditions"
    for condition in conditions:
        if str(condition.get("type", "")).lower() != kind.lower() or "status" not in condition:
            continue
        observed = condition.get("observedGeneration")
        if observed is None:
            observed = pluck(obj, "status", "observedGeneration")
        generation = pluck(obj, "metadata", "generation")
        if isinstance(observed, int) and isinstance(generation, int) and observed < generation:
            return False, f"Generation {observed} is less than expected {generation}"
        if str(condition["status"]).lower() == wanted.lower():
            return True, ""
        return False, f"Resource has condition {kind}={condition['status']} (want {wanted})"
    return False, f"Waiting for condition {kind}={wanted}"


def wait_for(annotation: str, obj: Object, session: Session) -> Object:
    """Wait until every expression of the annotation holds.

    Raises:
        NotReadyError: The time is over, or the user stopped the deployment.
        AnnotationError: The annotation isn't valid.

    """
    wanted = expressions(annotation)
    latest = obj
    if _all_hold(wanted, latest, session):
        return latest
    session.follow_own(obj)
    try:
        for event in session.events():
            if not _is_news(event, latest):
                continue
            latest = event.object
            if _all_hold(wanted, latest, session):
                return latest
    except (WaitTimeoutError, WaitCancelledError) as error:
        raise NotReadyError(_mistake(wanted, latest) or str(error), latest) from error
    raise AssertionError("events end by an exception only")


def _is_news(event: Event, latest: Object) -> bool:
    return (
        event.tag == "own"
        and event.kind != "DELETED"
        and is_same(event.object, latest)
        and not is_stale(event.object, latest)
    )


def _all_hold(wanted: list[str], obj: Object, session: Session) -> bool:
    for expression in wanted:
        try:
            holds, missing = check(expression, obj)
        except ValueError as error:
            # What can't be compared now may be another value later.
            holds, missing = False, str(error)
        if not holds:
            session.say(missing or f"Waiting for {expression}")
            return False
    return True


def _mistake(wanted: list[str], obj: Object) -> str:
    """Say what can't be compared, if that is what kept an object from being ready."""
    for expression in wanted:
        try:
            if not check(expression, obj)[0]:
                break
        except ValueError as error:
            return str(error)
    return ""
