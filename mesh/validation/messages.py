"""A mistake in the stack's config: where it is, the rule, the value got, what was meant."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import pulumi
from pulumi.runtime.config import is_config_secret

PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
SHOWN = 200  # characters of a value got; a mistake deep in a large one has its own line


class _Hidden:
    def __repr__(self) -> str:
        return "a secret"


HIDDEN = _Hidden()
"""Stands for a value got that no message may show."""


def below(place: str, *steps: str | int) -> str:
    """Go down from a place, such as mesh:values, as `pulumi config set --path` spells it."""
    for step in steps:
        if isinstance(step, int):
            place += f"[{step}]"
        elif PLAIN_KEY.fullmatch(step):
            place += f".{step}"
        else:
            place += f'["{step}"]'
    return place


def wrong(place: str, rule: str, got: Any) -> str:
    """Say which rule a value breaks; one that was set with --secret isn't shown."""
    secret = is_config_secret(re.split(r"[.\[]", place, maxsplit=1)[0])
    shown = repr(HIDDEN if secret else got)
    return f"{place}: {rule}, got {shown if len(shown) <= SHOWN else shown[:SHOWN] + '...'}"


def unknown(place: str, key: str, known: Iterable[str], got: Any, *, what: str = "setting") -> str:
    """Say that nothing has a key, and which one was meant."""
    close = difflib.get_close_matches(key, list(known), n=1)
    guess = f", did you mean {close[0]}?" if close else ""
    return wrong(place, f"no such {what}{guess}", got)


def refuse(mistakes: Sequence[str]) -> NoReturn:
    """End the program with all of them in one message."""
    count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise pulumi.RunError(
        f"the config of stack {pulumi.get_stack()} has {count}:\n"
        + "\n".join(f"  - {mistake}" for mistake in mistakes)
        + "\nset a key with `pulumi config set KEY VALUE`, drop one with `pulumi config rm KEY`"
    )
