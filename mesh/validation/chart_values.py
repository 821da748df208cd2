"""Raw values of a chart, checked before helm renders it: helm takes any key, and says nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mesh import fast_yaml
from mesh.resources.chart import merged
from mesh.validation.messages import below, unknown, wrong

Keys = tuple[str, ...]

DEFAULTS = "_internal_defaults_do_not_set"
# What the program decides itself, and how: a raw value would be overwritten, or fight with it.
OWNED: Mapping[str, str] = {
    "hub": "is the setting hub",
    "tag": "is the setting tag",
    "profile": "is the setting profile",
    "platform": "is the setting platform",
    "compatibilityVersion": "is the setting compatibilityVersion",
    "meshConfig": "is the setting meshConfig",
    "global.hub": "is the setting hub",
    "global.tag": "is the setting tag",
    "global.profile": "is the setting profile",
    "global.platform": "is the setting platform",
    "global.istioNamespace": "is the setting istioNamespace",
    "global.imagePullPolicy": "is the setting imagePullPolicy",
    "global.imagePullSecrets": "is the setting imagePullSecrets",
    "istioNamespace": "is the setting istioNamespace",
    "imagePullPolicy": "is the setting imagePullPolicy",
    "imagePullSecrets": "is the setting imagePullSecrets",
    "cni.enabled": "is the setting cni",
    "ambient.enabled": "is the setting injection",
    "trustedZtunnelNamespace": "is the setting nodeAgentsNamespace",
    "base.excludedCRDs": "is decided by the program, which installs the CRDs before the charts",
    "base.enableCRDTemplates": "is decided by the program, which installs the CRDs itself",
    "base.validationFailurePolicy": "is decided by the program: Fail, as istiod sets it",
    DEFAULTS: "holds the chart's own defaults: set the keys below it without it",
    "defaults": "is refused by the chart: set the keys below it without it",
}
KINDS = {
    bool: "must be true or false",
    dict: "must be an object",
    list: "must be a list",
}
EXPRESSION = re.compile(r"\{\{(?!-?\s*/\*).*?\}\}", re.DOTALL)  # of a template, comments aside
READ = re.compile(r"\.Values((?:\)*\.\w+)+)")
WALKED = re.compile(r"\brange\b[^{}]*?\.Values((?:\)*\.\w+)*)")
LEGACY_PREFIX = re.compile(r'index \$\.Values "(\w+)"')


@dataclass(frozen=True)
class Chart:
    """What a chart on disk knows of its values."""

    folder: Path

    @cached_property
    def name(self) -> str:
        """Its name, which its folder may not have."""
        return fast_yaml.load((self.folder / "Chart.yaml").read_bytes())["name"]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Its values.yaml."""
        file = self.folder / "values.yaml"
        values = fast_yaml.load(file.read_bytes()) if file.is_file() else {}
        own = values.get(DEFAULTS, values)
        parts = {part.name: part.defaults for part in self.parts if part.defaults}
        return merged(parts, own)

    @cached_property
    def parts(self) -> tuple["Chart", ...]:
        """The charts inside it; their values stand below their names, but those of `global`."""
        return tuple(Chart(file.parent) for file in sorted(self.folder.glob("charts/*/Chart.yaml")))

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
    def walked(self) -> frozenset[Keys]:
        """The keys whose maps and lists its templates go through, whatever is in them."""
        return self._paths(WALKED)

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """Keys below which its values may stand as well: pilot.env is env."""
        return frozenset(LEGACY_PREFIX.findall("".join(self._expressions)))

    def default(self, keys: Keys) -> Any:
        """Return a value's default, or None where it has none."""
        at: Any = self.defaults
        for key in keys:
            at = at.get(key) if isinstance(at, dict) else None
        return at

    def known(self, above: Keys) -> set[str]:
        """List the keys below some: those with a default, that a template reads, of the schema."""
        default = self.default(above)
        known = set(default) if isinstance(default, dict) else set()
        known |= {keys[len(above)] for keys in self._read_below(above)}
        if not above:
            known |= self.schema.get("$defs", {}).get("values", {}).get("properties", {}).keys()
        return known

    def is_free(self, keys: Keys) -> bool:
        """Tell a map that is Kubernetes' own, where any key may stand: labels, env, resources.

        The templates take it whole: they read no single key of it, or walk through all.
        """
        return keys in self.walked or not self._read_below(keys)

    def _read_below(self, above: Keys) -> list[Keys]:
        return [keys for keys in self.read if keys[: len(above)] == above != keys]

    def _paths(self, pattern: re.Pattern[str]) -> frozenset[Keys]:
        found = {
            tuple(path.replace(")", "").split(".")[1:])
            for text in self._expressions
            for path in pattern.findall(text)
        }
        found = {keys[1:] if keys and keys[0] in self.prefixes else keys for keys in found}
        for part in self.parts:
            inner = part._paths(pattern)
            found |= {keys if keys[:1] == ("global",) else (part.name, *keys) for keys in inner}
        return frozenset(found)

    @cached_property
    def _expressions(self) -> list[str]:
        # In files/ are the templates that istiod fills with the same values.
        files = sorted((*self.folder.glob("templates/*"), *self.folder.glob("files/*.yaml")))
        return [text for file in files for text in EXPRESSION.findall(file.read_text())]


def mistakes(
    chart: Path, values: Mapping[str, Any], place: str, owned: Mapping[str, str] = OWNED
) -> list[str]:
    """List what a chart would pass over or choke on; a place is, say, mesh:values.istiod."""
    if not values:
        return []
    known = Chart(chart)
    found = list(_below(known, (), values, place, owned))
    return found or list(_against_schema(known, values, place))


def _below(
    chart: Chart, above: Keys, values: Mapping[str, Any], place: str, owned: Mapping[str, str]
) -> Iterator[str]:
    known = chart.known(above)
    for key, value in values.items():
        keys, at = (*above, key), below(place, key)
        if reason := owned.get(".".join(keys)):
            yield f"{at}: {reason}"
        elif not above and key in chart.prefixes and isinstance(value, dict):
            yield from _below(chart, (), value, at, owned)
        elif key not in known:
            offered = {other for other in known if ".".join((*above, other)) not in owned}
            yield unknown(at, key, offered, value, what=f"value in the chart {chart.name}")
        elif rule := _rule(chart.default(keys), value):
            yield wrong(at, f"{rule}, as in the chart's values.yaml", value)
        elif isinstance(value, dict) and not chart.is_free(keys):
            yield from _below(chart, keys, value, at, owned)


def _rule(default: Any, value: Any) -> str | None:
    """Name the rule that a value breaks beside its default; null takes any default away."""
    if value is None or default is None:
        return None
    for kind, rule in KINDS.items():
        if isinstance(default, kind):
            return None if isinstance(value, kind) else rule
    return "must be a single value" if isinstance(value, dict | list) else None


def _against_schema(chart: Chart, values: Mapping[str, Any], place: str) -> Iterator[str]:
    if not chart.schema:
        return
    import jsonschema  # noqa: PLC0415 - a tenth of a second, for a stack with such values only

    for error in jsonschema.Draft202012Validator(chart.schema).iter_errors(values):
        yield wrong(below(place, *error.absolute_path), error.message, error.instance)
