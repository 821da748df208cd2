"""The points at which an update is disturbed: the command, what breaks, and when."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Command = Literal["up", "destroy"]
Victim = Literal["engine", "plugin", "program", "API server"]

KILLED: Mapping[Command, tuple[Victim, ...]] = {
    "up": ("engine", "plugin", "program"),
    "destroy": ("engine", "plugin"),  # Pulumi deletes by the state: it runs no program
}
"""The processes that are killed at each resource of a command."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One disturbance of one command."""

    command: Command
    victim: Victim
    resource: int
    """How many resources the command has begun to work on when it happens."""


def chosen(
    resources: Mapping[Command, int], *, only: Victim | None, size: int | None, seed: str
) -> list[Point]:
    """Return the points of commands that work on so many resources, or a sample of some size.

    A sample is the same for the same seed.
    """
    kills = [
        Point(command=command, victim=victim, resource=number)
        for command, victims in KILLED.items()
        for victim in victims
        for number in range(1, resources[command] + 1)
    ]
    # An API server is away for long, so one point of each command must do.
    outages = [
        Point(command=command, victim="API server", resource=count // 2)
        for command, count in resources.items()
    ]
    points = [point for point in (*kills, *outages) if only in (None, point.victim)]
    if size is None:
        return points
    return random.Random(seed).sample(points, min(size, len(points)))  # noqa: S311 - no secret
