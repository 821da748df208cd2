"""Which Istio version may follow which, and which may run beside which."""

import re

IN_PLACE = 1
"""Minors that one istiod is upgraded by at a time."""
SIDE_BY_SIDE = 2
"""Minors that two control planes of one cluster may be apart: a canary may skip one."""

PROXY_BEHIND = 1
"""Minors that a proxy may be older than its istiod; newer it can't be (Istio's support policy)."""


ISTIOD = (1, 5)
"""The minor that put one istiod in the place of pilot, citadel, galley and the injector."""


def parse(version: str) -> tuple[int, int, int] | None:
    """Return a version's numbers, without what a distribution adds; None if it isn't one."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)(?![\d.])", version)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def tag_of(image: str) -> str:
    """Return an image's tag, which a version of Istio is most often; empty where it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def in_place(running: str, wanted: str) -> str | None:
    """Say why an istiod can't become one of another version in place, and what can be done.

    Within a minor every patch may follow every other, so that a bad one can be taken back.
    """
    minors = _minors_apart(running, wanted)
    if minors is None or 0 <= minors <= IN_PLACE:
        return None
    if minors > 0 and _minor_of(running) < ISTIOD <= _minor_of(wanted):
        return (
            "no upgrade leads from a release before 1.5 to one of today: make a stack of its own "
            "for the new one, on a cluster of its own, move the applications, and destroy this "
            "stack: docs/istio-1.0.md"
        )
    beside = "run the new one beside it as a canary, and move the pods over"
    if minors < 0:
        reason = "a minor is never taken back in place"
        remedy = f"set istioVersion to {_minor(running)}.x"
        beside = beside.replace("new", "old")
    else:
        reason = "in place an upgrade goes one minor at a time"
        remedy = f"set istioVersion to {_minor(running, plus=1)}.x first, `pulumi up`, then go on"
    if abs(minors) <= SIDE_BY_SIDE:
        remedy += f"; or {beside}"
    return f"{reason}: {remedy}"


def side_by_side(one: str, other: str) -> str | None:
    """Say why two control planes can't serve one cluster."""
    minors = _minors_apart(one, other)
    if minors is None or abs(minors) <= SIDE_BY_SIDE:
        return None
    return f"two control planes are at most {SIDE_BY_SIDE} minors apart"


def proxy(istiod: str, version: str) -> str | None:
    """Say why a proxy of a version can't go on with an istiod of another."""
    minors = _minors_apart(version, istiod)
    if minors is None or 0 <= minors <= PROXY_BEHIND:
        return None
    return f"a proxy is never a newer minor than its istiod, and at most {PROXY_BEHIND} older"


def _minors_apart(one: str, other: str) -> int | None:
    before, after = parse(one), parse(other)
    if before is None or after is None:
        return None
    # A major version would be as far as any number of minors; there has been no second one.
    return (after[0] - before[0]) * 1000 + after[1] - before[1]


def _minor_of(version: str) -> tuple[int, ...]:
    return (parse(version) or ())[:2]


def _minor(version: str, *, plus: int = 0) -> str:
    major, minor, _ = parse(version) or (0, 0, 0)
    return f"{major}.{minor + plus}"
