"""Mistakes in the stack's config: the place, the rule, the value."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import pulumi
from pulumi.runtime.config import is_config_secret

from mesh import redaction
from mesh.settings.paths import Step, path_of
from mesh.settings.schema import FACTS

SHOWN = 200  # characters of a value; a mistake deep in a large one has its own line


class _NoValue:
    def __repr__(self) -> str:
        return ""


NO_VALUE = _NoValue()
"""Placeholder in a mistake that is not about a value, such as a missing one."""


@dataclass(frozen=True)
class Mistake:
    """One line of the message that refuses a config."""

    path: tuple[Step, ...]
    """The setting's key, and the steps below it."""
    rule: str
    """Rule that is broken, and the remedy."""
    got: Any = NO_VALUE
    details: tuple[str, ...] = ()
    """Lines to print below the mistake."""

    def below(self, *steps: Step) -> "Mistake":
        """Return the same mistake with these steps in front of its path."""
        return replace(self, path=(*steps, *self.path))

    @property
    def setting(self) -> str:
        """Key of the setting with the mistake."""
        return re.split(r"[.\[]", str(self.path[0]), maxsplit=1)[0]

    def line(self, prefix: str = "", *, hidden: bool = False) -> str:
        """Return the mistake as text; `hidden` puts `a secret` in place of the value."""
        text = f"{prefix}{path_of(self.path)}: {self.rule}"
        if self.got is not NO_VALUE:
            shown = "a secret" if hidden else redaction.text(repr(redaction.manifest(self.got)))
            text += f", got {shown if len(shown) <= SHOWN else shown[:SHOWN] + '...'}"
        return text + "".join(f"\n      {detail}" for detail in self.details)


def unknown(
    path: tuple[Step, ...], key: str, known: Iterable[str], got: Any, *, what: str = "setting"
) -> Mistake:
    """Report an unknown key, and suggest the closest known one."""
    close = difflib.get_close_matches(key, list(known), n=1)
    guess = f", did you mean {close[0]}?" if close else ""
    return Mistake(path, f"no such {what}{guess}", got)


def refuse(mistakes: Iterable[Mistake]) -> NoReturn:
    """End the program with all mistakes in one message, each once and without secrets."""
    prefix = f"{pulumi.get_project()}:"
    lines = list(
        dict.fromkeys(
            mistake.line(prefix, hidden=_is_hidden(prefix, mistake.setting)) for mistake in mistakes
        )
    )
    count = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    raise pulumi.RunError(
        f"the config of stack {pulumi.get_stack()} has {count}:\n"
        + "\n".join(f"  - {line}" for line in lines)
        + "\nset a key with `pulumi config set KEY VALUE`, drop one with `pulumi config rm KEY`"
    )


def _is_hidden(prefix: str, setting: str) -> bool:
    """Return whether a setting's value must not be shown; an unknown one may be a secret too."""
    facts = FACTS.get(setting)
    return is_config_secret(f"{prefix}{setting}") or (
        facts is not None and (facts.is_secret or facts.is_hidden)
    )
