"""Istio's MeshConfig, checked before istiod reads it.

istiod ignores an unknown field. If it can't read a value or doesn't allow it, it drops the whole
mesh config at its next start, and becomes ready all the same. Neither istiod, nor the charts, nor
`istioctl analyze` report that.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mesh.settings.paths import Step
from mesh.validation.mesh_config_rules import ROOT, RULES
from mesh.validation.mistake import Mistake, unknown

FIELDS = Path(__file__).parent / "mesh_config_fields"
"""Folder with a table for each minor version, which scripts/mesh_config_fields.py makes."""
PROXY_CONFIG = "proxy.istio.io/config"
"""An annotation of pods: a ProxyConfig as YAML, which their proxy merges over defaultConfig."""
DURATION = re.compile(r"(0|((\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+)")


def _integer(bits: int, *, signed: bool) -> Callable[[Any], bool]:
    allowed = range(-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else range(2**bits)

    def holds(value: Any) -> bool:
        if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            value = int(value)
        return isinstance(value, int) and not isinstance(value, bool) and value in allowed

    return holds


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


SCALARS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "bool": (lambda value: isinstance(value, bool), "must be true or false"),
    "string": (
        lambda value: isinstance(value, str),
        "must be a string, in quotes: pulumi config set --type string",
    ),
    "int32": (_integer(32, signed=True), "must be a whole number of 32 bits"),
    "int64": (_integer(64, signed=True), "must be a whole number of 64 bits"),
    "uint32": (_integer(32, signed=False), "must be a whole number of 32 bits, not negative"),
    "uint64": (_integer(64, signed=False), "must be a whole number of 64 bits, not negative"),
    "double": (_number, "must be a number"),
    "float": (_number, "must be a number"),
    "object": (lambda value: isinstance(value, dict), "must be an object"),
    "duration": (
        lambda value: isinstance(value, str) and bool(DURATION.fullmatch(value.lstrip("+-"))),
        "must be a duration, such as 10s, 1m30s or 500ms",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Fields of MeshConfig, and of all messages in it, in one minor version of Istio."""

    minor: str
    messages: Mapping[str, Mapping[str, str]]
    """Kind of each field of each message: scalar, enum, message, [kind] (list) or {kind} (map)."""
    choices: Mapping[str, Sequence[Sequence[str]]]
    """Groups of fields of each message; of each group only one field may be set."""
    enums: Mapping[str, Sequence[str]]


def fields(version: str) -> Fields:
    """Load the table of a version's minor, else of the newest older one, else of the oldest.

    Fields are never removed from an API: a newer version has all fields of an older table.
    """
    wanted = _minor(version)
    tables = sorted((_minor(file.stem), file) for file in FIELDS.glob("*.json"))
    older = [file for minor, file in tables if minor <= wanted]
    file = older[-1] if older else tables[0][1]
    content = json.loads(file.read_text())
    del content["source"]
    return Fields(minor=file.stem, **content)


def conflicts(
    version: str, mesh_config: Mapping[str, Any], path: tuple[Step, ...]
) -> list[Mistake]:
    """List fields that istiod would ignore, and values that make it drop the whole mesh config."""
    return list(_message(fields(version), ROOT, mesh_config, path)) if mesh_config else []


def annotation_conflicts(version: str, values: Any, path: tuple[Step, ...]) -> Iterator[Mistake]:
    """List what a proxy would ignore or fail on in annotations proxy.istio.io/config of values."""
    if isinstance(values, list):
        for index, part in enumerate(values):
            yield from annotation_conflicts(version, part, (*path, index))
    for key, part in values.items() if isinstance(values, Mapping) else ():
        at = (*path, key)
        if key != PROXY_CONFIG:
            yield from annotation_conflicts(version, part, at)
            continue
        try:
            parsed = yaml.safe_load(part) if isinstance(part, str) else part
        except yaml.YAMLError:
            parsed = part
        api = fields(version)
        yield from _message(api, api.messages[ROOT]["defaultConfig"], parsed, at)


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _message(api: Fields, name: str, value: Any, path: tuple[Step, ...]) -> Iterator[Mistake]:
    if not isinstance(value, Mapping):
        yield Mistake(path, "must be an object", value)
        return
    known, sound = api.messages[name], True
    for key, part in value.items():
        at = (*path, key)
        if key not in known:
            yield unknown(at, key, known, part, what=f"field in Istio {api.minor}")
        elif part is not None:  # istiod reads null as not set
            found = list(_value(api, known[key], part, at)) or list(_rules(name, key, part, at))
            sound = sound and not found
            yield from found
    if sound:
        yield from _rules(name, None, value, path)
    for choice in api.choices.get(name, ()):
        chosen = [key for key in choice if value.get(key) is not None]
        if len(chosen) > 1:
            rule = f"only one of {', '.join(choice)} can be set, not {' and '.join(chosen)}"
            yield Mistake(path, rule)


def _value(api: Fields, kind: str, value: Any, path: tuple[Step, ...]) -> Iterator[Mistake]:
    if kind[0] in "[{":
        container, rule = (list, "a list") if kind[0] == "[" else (dict, "an object")
        if not isinstance(value, container):
            yield Mistake(path, f"must be {rule}", value)
            return
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _value(api, kind[1:-1], part, (*path, key))
    elif kind in api.messages:
        yield from _message(api, kind, value, path)
    elif kind in api.enums:
        if value not in api.enums[kind]:
            yield Mistake(path, f"must be one of {', '.join(api.enums[kind])}", value)
    else:
        holds, rule = SCALARS[kind]
        if not holds(value):
            yield Mistake(path, rule, value)


def _rules(
    message: str, field: str | None, value: Any, path: tuple[Step, ...]
) -> Iterator[Mistake]:
    for rule in RULES:
        if (rule.message, rule.field) == (message, field):
            for part in value if isinstance(value, list) else [value]:
                if not rule.holds(_what_is_set(part)):
                    yield Mistake(path, rule.text, part)


def _what_is_set(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _what_is_set(part) for k, part in value.items() if part is not None}
    return [_what_is_set(part) for part in value] if isinstance(value, list) else value
