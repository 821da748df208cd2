"""A Helm chart on disk: its default values, and the keys that its templates read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mesh import fast_yaml

Keys = tuple[str, ...]

DEFAULTS = "_internal_defaults_do_not_set"
"""The key below which Istio's charts keep their defaults since 1.21."""
EXPRESSION = re.compile(r"\{\{(?!-?\s*/\*).*?\}\}", re.DOTALL)  # of a template, except comments
READ = re.compile(r"\.Values((?:\)*\.\w+)+)")
WHOLE = re.compile(r"\.Values((?:\)*\.\w+)+)(?![\w)]*\.\w)")
TAKES_WHOLE = re.compile(r"\{\{-?\s*(?:with|range)\b|\b(?:toYaml|toJson|tpl)\b")
"""Expressions that use a map or a list as a whole, regardless of its keys."""
LEGACY_PREFIX = re.compile(r'index \$\.Values "(\w+)"')


def merged(*values: Mapping[str, Any]) -> dict[str, Any]:
    """Merge values as helm does: maps key by key, other values as a whole; later ones win."""
    result: dict[str, Any] = {}
    for each in values:
        for key, value in each.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = merged(result[key], value) if both else value
    return result


@dataclass(frozen=True)
class ChartFiles:
    """A chart on disk: its default values, their schema, and the keys that its templates read."""

    folder: Path

    @cached_property
    def name(self) -> str:
        """Its name, which may differ from its folder's."""
        return fast_yaml.load((self.folder / "Chart.yaml").read_bytes())["name"]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Its default values: its values.yaml, and those of the charts inside it."""
        file = self.folder / "values.yaml"
        values = fast_yaml.load(file.read_bytes()) if file.is_file() else {}
        own = values.get(DEFAULTS, values)
        parts = {part.name: part.defaults for part in self.parts if part.defaults}
        return merged(parts, own)

    @cached_property
    def parts(self) -> tuple["ChartFiles", ...]:
        """The charts inside it; their values are below their names, except `global`."""
        return tuple(
            ChartFiles(file.parent) for file in sorted(self.folder.glob("charts/*/Chart.yaml"))
        )

    @cached_property
    def schema(self) -> dict[str, Any]:
        """Its values.schema.json; most charts of Istio have none."""
        file = self.folder / "values.schema.json"
        return json.loads(file.read_text()) if file.is_file() else {}

    @cached_property
    def read(self) -> frozenset[Keys]:
        """The keys that its templates read: not all of them have a default."""
        return self._paths(READ)

    @cached_property
    def taken_whole(self) -> frozenset[Keys]:
        """The keys of maps and lists that its templates print as a whole, or iterate over."""
        return self._paths(WHOLE, only=TAKES_WHOLE)

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """Keys that its values can also be set below: pilot.env is the same as env."""
        return frozenset(LEGACY_PREFIX.findall("".join(self._expressions)))

    def default(self, keys: Keys) -> Any:
        """Return a value's default, or None if it has none."""
        at: Any = self.defaults
        for key in keys:
            at = at.get(key) if isinstance(at, dict) else None
        return at

    def known(self, above: Keys) -> set[str]:
        """List the known keys below some: with a default, read by a template, or in the schema."""
        default = self.default(above)
        known = set(default) if isinstance(default, dict) else set()
        known |= {keys[len(above)] for keys in self._read_below(above)}
        if not above:
            known |= self.schema.get("$defs", {}).get("values", {}).get("properties", {}).keys()
        return known

    def is_free(self, keys: Keys) -> bool:
        """Return whether a map accepts any key, as Kubernetes' labels, env and resources do.

        The templates use it as a whole: they read no single key of it, or iterate over all.
        """
        return keys in self.taken_whole or not self._read_below(keys)

    def _read_below(self, above: Keys) -> list[Keys]:
        return [keys for keys in self.read if keys[: len(above)] == above != keys]

    def _paths(
        self, pattern: re.Pattern[str], only: re.Pattern[str] = EXPRESSION
    ) -> frozenset[Keys]:
        found = {
            tuple(path.replace(")", "").split(".")[1:])
            for text in self._expressions
            if only.search(text)
            for path in pattern.findall(text)
        }
        found = {keys[1:] if keys and keys[0] in self.prefixes else keys for keys in found}
        for part in self.parts:
            inner = part._paths(pattern, only)
            found |= {keys if keys[:1] == ("global",) else (part.name, *keys) for keys in inner}
        return frozenset(found)

    @cached_property
    def _expressions(self) -> list[str]:
        # files/ holds the templates that istiod renders with the same values.
        files = sorted((*self.folder.glob("templates/*"), *self.folder.glob("files/*.yaml")))
        return [text for file in files for text in EXPRESSION.findall(file.read_text())]
