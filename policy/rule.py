"""What a rule is: a plain function over Kubernetes objects, with its reason and its remedy."""

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
    "description": "The names of the stacks that the rule is for; * stands for anything",
}
"""The option of rules that are for production only."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What rules know of the stack that brings the objects."""

    name: str
    mode: str = "standalone"
    """What of the mesh it brings: platform, app or standalone."""
    deletes_crds: bool = False

    @property
    def is_app(self) -> bool:
        """Whether it is one developer's application on a platform of another stack's."""
        return self.mode == "app"

    def is_named(self, patterns: Iterable[str]) -> bool:
        """Whether one of the patterns fits its name."""
        return any(fnmatchcase(self.name, pattern) for pattern in patterns)


@dataclass(frozen=True, kw_only=True)
class Violation:
    """An object that breaks a rule, and the value by which it does."""

    object: Object
    got: str


Options = Mapping[str, Any]
Check = Callable[[Sequence[Object], Stack, Options], Iterator[Violation]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule, and the words in which a person is told of it."""

    name: str
    level: Level
    """What it is unless the policy config says otherwise."""
    says: str
    reason: str
    remedy: str
    check: Check
    looks_at: Literal["object", "stack"] = "object"
    """Whether an object can be judged alone, before it is made, or only all of them at the end."""
    reads_config: bool = False
    """Whether it says nothing without the config of the stack's program."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the policy config may set, each as a JSON Schema with its default."""

    @property
    def defaults(self) -> Options:
        """The options that nobody set."""
        return {name: schema["default"] for name, schema in self.options.items()}

    def message(self, violation: Violation) -> str:
        """Say what is wrong with which object, and what helps."""
        got = redaction.text(violation.got)
        return f"{title(violation.object)}: {got}. Remedy: {self.remedy}."


def kind(thing: Object) -> tuple[str, str]:
    """Return an object's API group, empty for the core one, and its kind."""
    group, slash, _ = str(thing.get("apiVersion", "")).partition("/")
    return (group if slash else "", str(thing.get("kind", "")))


def metadata(thing: Object, key: str) -> Any:
    """Return what an object's metadata has under a key, or None."""
    return (thing.get("metadata") or {}).get(key)


def title(thing: Object) -> str:
    """Name an object as people do: its kind, its namespace and its name."""
    where = "/".join(filter(None, (metadata(thing, "namespace"), metadata(thing, "name"))))
    return f"{thing.get('kind')} {where}"
