"""What is known of a setting beside its type: who may set it, and which Istio it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

Mode = Literal["platform", "app", "standalone"]
"""What a stack is made of: the mesh, one application on another stack's mesh, or both."""

EVERY_MODE: frozenset[Mode] = frozenset(("platform", "app", "standalone"))
PLATFORM: frozenset[Mode] = frozenset(("platform", "standalone"))
APP: frozenset[Mode] = frozenset(("app", "standalone"))
APP_ONLY: frozenset[Mode] = frozenset(("app",))


@dataclass(frozen=True)
class Facts:
    """Facts of one setting, written at its field in schema.py."""

    modes: frozenset[Mode]
    """The modes whose stacks may set it."""
    before_1_5: str = ""
    """Why Istio 1.0 to 1.4 doesn't have it, or what says the same there; empty = it does."""
    is_secret: bool = False
    """Set with `pulumi config set --secret` only, and never printed."""
    is_hidden: bool = False
    """Never printed: somebody may have pasted a kubeconfig's contents into it."""


def facts_of(model: type[BaseModel]) -> Mapping[str, Facts]:
    """Return the facts of each setting, by the setting's key in Pulumi.yaml."""
    return {
        to_camel(name): next(fact for fact in field.metadata if isinstance(fact, Facts))
        for name, field in model.model_fields.items()
    }
