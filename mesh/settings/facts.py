"""Facts of a setting in addition to its type: its modes, the Istio it needs, its secrecy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

Mode = Literal["platform", "app", "standalone"]
"""Contents of a stack: the mesh, one application on another stack's mesh, or both."""

EVERY_MODE: frozenset[Mode] = frozenset(("platform", "app", "standalone"))
PLATFORM: frozenset[Mode] = frozenset(("platform", "standalone"))
APP: frozenset[Mode] = frozenset(("app", "standalone"))
APP_ONLY: frozenset[Mode] = frozenset(("app",))


@dataclass(frozen=True)
class Facts:
    """Facts of one setting, written at its field in schema.py."""

    modes: frozenset[Mode]
    """Modes in which a stack may set it."""
    before_1_5: str = ""
    """Reason why Istio 1.0 to 1.4 doesn't have it, or its replacement there; empty = has it."""
    is_secret: bool = False
    """Secret: set with `pulumi config set --secret` only, and never printed."""
    is_hidden: bool = False
    """Hidden: never printed, since a kubeconfig's contents may have been pasted into it."""


def facts_of(model: type[BaseModel]) -> Mapping[str, Facts]:
    """Return the facts of each setting, by the setting's key in Pulumi.yaml."""
    return {
        to_camel(name): next(fact for fact in field.metadata if isinstance(fact, Facts))
        for name, field in model.model_fields.items()
    }
