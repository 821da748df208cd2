"""The points at which a command is disturbed: the command, what breaks, when, and what is next."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Command = Literal["up", "upgrade", "canary", "destroy"]
"""`upgrade` is an `up` to another version of Istio, `canary` one with a second control plane."""
Victim = Literal[
    "engine", "plugin", "program", "API server", "requests", "latency", "webhook", "disk"
]
Choice = Literal[Victim, "outages"]

KILLED: Mapping[Command, tuple[Victim, ...]] = {
    "up": ("engine", "plugin", "program"),
    "destroy": ("engine", "plugin"),  # Pulumi deletes by the state: it runs no program
}
"""The processes that are killed at each resource of a command."""
FOLLOWED_BY: Mapping[Command, tuple[Command, ...]] = {
    "upgrade": ("upgrade", "up"),
    "canary": ("up",),
}
"""What may follow a change whose engine was killed: it is repeated, or the old config is back."""
OUTAGES: tuple[Victim, ...] = ("API server", "requests", "latency", "webhook", "disk")
"""What breaks once in the middle of `up` and `destroy`: each of these takes long."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One disturbance of one command."""

    command: Command
    victim: Victim
    resource: int
    """How many resources the command has begun to work on when it happens."""
    next: Command
    """The command after it, which must end as an undisturbed one."""


def chosen(
    resources: Mapping[Command, int],
    *,
    command: Command | None,
    only: Choice | None,
    size: int | None,
    seed: str,
) -> list[Point]:
    """Return the points of commands that work on so many resources, or a sample of some size.

    A sample is the same for the same seed.
    """
    points = [
        point
        for point in _all(resources)
        if only in (None, point.victim, "outages" if point.victim in OUTAGES else None)
        and command in (None, point.command)
    ]
    if size is None:
        return points
    return random.Random(seed).sample(points, min(size, len(points)))  # noqa: S311 - no secret


def _all(resources: Mapping[Command, int]) -> Iterator[Point]:
    for command, victims in KILLED.items():
        for victim in victims:
            for number in range(1, resources[command] + 1):
                yield Point(command=command, victim=victim, resource=number, next=command)
        for victim in OUTAGES:
            middle = resources[command] // 2
            yield Point(command=command, victim=victim, resource=middle, next=command)
    for command, following in FOLLOWED_BY.items():
        for then in following:
            for number in range(1, resources[command] + 1):
                yield Point(command=command, victim="engine", resource=number, next=then)
