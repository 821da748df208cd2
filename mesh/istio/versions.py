"""Version rules of Istio: upgrades in place, control planes side by side, and proxies."""

import re

IN_PLACE = 1
"""Minor versions that an istiod can be upgraded by at a time."""
SIDE_BY_SIDE = 2
"""Minor versions that two control planes of a cluster may be apart: a canary may skip one."""

PROXY_BEHIND = 1
"""Minor versions that a proxy may be behind its istiod, never ahead (Istio's support policy)."""


VARIANTS = ("distroless", "debug")
"""Variants of Istio's images, at the end of their tags; the ambient profile sets distroless."""

ISTIOD = (1, 5)
"""The minor version that merged pilot, citadel, galley and the injector into istiod."""


def parse(version: str) -> tuple[int, int, int] | None:
    """Return a version's numbers without a distribution's suffix; None if it isn't a version."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)(?![\d.])", version)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def of_image(image: str) -> str:
    """Return an image's tag without its variant, usually a version; empty if it has no tag."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    for variant in VARIANTS:
        tag = tag.removesuffix(f"-{variant}")
    return tag


def in_place(running: str, wanted: str) -> str | None:
    """Return why an istiod can't be upgraded in place, with a remedy; None if it can.

    Within a minor version any patch may follow any other, so that a bad one can be rolled back.
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
    beside = "install the new one next to it as a canary, and move the pods over"
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
    """Return why two control planes can't serve one cluster; None if they can."""
    minors = _minors_apart(one, other)
    if minors is None or abs(minors) <= SIDE_BY_SIDE:
        return None
    return f"two control planes are at most {SIDE_BY_SIDE} minors apart"


def proxy(istiod: str, version: str) -> str | None:
    """Return why a proxy of a version can't work with an istiod of another; None if it can."""
    minors = _minors_apart(version, istiod)
    if minors is None or 0 <= minors <= PROXY_BEHIND:
        return None
    return f"a proxy is never a newer minor than its istiod, and at most {PROXY_BEHIND} older"


def _minors_apart(one: str, other: str) -> int | None:
    before, after = parse(one), parse(other)
    if before is None or after is None:
        return None
    # A major version counts as 1000 minors; there has been no second one.
    return (after[0] - before[0]) * 1000 + after[1] - before[1]


def _minor_of(version: str) -> tuple[int, ...]:
    return (parse(version) or ())[:2]


def _minor(version: str, *, plus: int = 0) -> str:
    major, minor, _ = parse(version) or (0, 0, 0)
    return f"{major}.{minor + plus}"
