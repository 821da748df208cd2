"""Paths to values inside settings, in the syntax of `pulumi config set --path`."""

import re
from collections.abc import Sequence

Step = str | int

PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def path_of(steps: Sequence[Step]) -> str:
    """Return a path in the syntax of `pulumi config set --path`, such as gateways[0].name."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not path:
            path = step
        elif PLAIN_KEY.fullmatch(step):
            path += f".{step}"
        else:
            path += f'["{step}"]'
    return path
