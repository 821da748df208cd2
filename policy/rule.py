"""The form of a rule: a function over Kubernetes objects, with its reason and its remedy."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from mesh import redaction

Object = Mapping[str, Any]
"""A Kubernetes object, as in a manifest."""
Level = Literal["mandatory", "advisory", "disabled"]

PROD = {
    "type": "array",
    "items": {"type": "string"},
    "default": ["prod", "prod-*", "*-prod"],
    "description": "Names of the stacks that the rule applies to; * matches any text",
}
"""The option of rules that apply to production stacks only."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The stack that the objects belong to, as far as rules need it."""

    name: str
    mode: str = "standalone"
    """The part of the mesh that it deploys: platform, app or standalone."""
    deletes_crds: bool = False

    @property
    def is_app(self) -> bool:
        """Whether the stack is an application that uses another stack's platform."""
        return self.mode == "app"

    def is_named(self, patterns: Iterable[str]) -> bool:
        """Return whether one of the patterns matches the stack's name."""
        return any(fnmatchcase(self.name, pattern) for pattern in patterns)


@dataclass(frozen=True, kw_only=True)
class Violation:
    """An object that breaks a rule, and the value that is wrong."""

    object: Object
    got: str


Options = Mapping[str, Any]
Check = Callable[[Sequence[Object], Stack, Options], Iterator[Violation]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule, and the texts of its messages."""

    name: str
    level: Level
    """The level, unless the policy config sets another one."""
    says: str
    reason: str
    remedy: str
    check: Check
    looks_at: Literal["object", "stack"] = "object"
    """Whether it checks each object alone, before it is created, or all of them at the end."""
    reads_config: bool = False
    """Whether it needs the config of the stack's program, which rendered YAML lacks."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The options that the policy config may set, each as a JSON Schema with its default."""

    @property
    def defaults(self) -> Options:
        """The default values of the options."""
        return {name: schema["default"] for name, schema in self.options.items()}

    def message(self, violation: Violation) -> str:
        """Return the message about a violation: object, value and remedy."""
        got = redaction.text(violation.got)
        return _one_line(f"{title(violation.object)}: {got}. Remedy: {self.remedy}.")


def _one_line(text: str) -> str:
    """Spell out characters by which a name could look like other lines of the output."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def kind(thing: Object) -> tuple[str, str]:
    """Return an object's API group, empty for the core one, and its kind."""
    group, slash, _ = str(thing.get("apiVersion", "")).partition("/")
    return (group if slash else "", str(thing.get("kind", "")))


def metadata(thing: Object, key: str) -> Any:
    """Return the value of a key in an object's metadata, or None."""
    return (thing.get("metadata") or {}).get(key)


def title(thing: Object) -> str:
    """Return an object's title for messages: its kind, namespace and name."""
    where = "/".join(filter(None, (metadata(thing, "namespace"), metadata(thing, "name"))))
    return f"{thing.get('kind')} {where}"
