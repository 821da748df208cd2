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


def expressions(annotation: str) -> list[str]:
    """Split the annotation's value: one expression, or a JSON list of them.

    Raises:
        ResourceError: It holds no valid expression.

    """
    try:
        values = json.loads(annotation)
    except ValueError:
        values = [annotation]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        values = [annotation]
    if not values:
        raise ResourceError("at least one condition must be specified")
    for value in values:
        if not value.startswith(("jsonpath=", "condition=")):
            raise ResourceError(f'expected a "jsonpath=" or "condition=" prefix, got "{value}"')
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
        ResourceError: The annotation isn't valid.

    """
    wanted = expressions(annotation)
    latest = obj
    try:
        for expression in wanted:
            if expression.startswith("jsonpath="):
                jsonpath.parse(expression)
        if _all_hold(wanted, latest, session):
            return latest
        session.follow_own(obj)
        for event in session.events():
            if not _is_news(event, latest):
                continue
            latest = event.object
            if _all_hold(wanted, latest, session):
                return latest
    except ValueError as error:
        raise NotReadyError(str(error), latest) from error
    except (WaitTimeoutError, WaitCancelledError) as error:
        raise NotReadyError(str(error), latest) from error
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
        holds, missing = check(expression, obj)
        if not holds:
            session.say(missing or f"Waiting for {expression}")
            return False
    return True
