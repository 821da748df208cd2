"""Raw values of a chart, checked before helm renders it: helm takes any key, and says nothing."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mesh.istio.chart_files import DEFAULTS, ChartFiles, Keys
from mesh.validation.mistake import Mistake, Step, unknown

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


def conflicts(
    chart: Path,
    values: Mapping[str, Any],
    path: tuple[Step, ...],
    owned: Mapping[str, str] = OWNED,
) -> list[Mistake]:
    """List values that a chart would ignore or fail on; `path` is, say, ("values", "istiod")."""
    if not values:
        return []
    known = ChartFiles(chart)
    found = list(_below(known, (), values, path, owned))
    return found or list(_against_schema(known, values, path))


def _below(
    chart: ChartFiles,
    above: Keys,
    values: Mapping[str, Any],
    path: tuple[Step, ...],
    owned: Mapping[str, str],
) -> Iterator[Mistake]:
    known = chart.known(above)
    for key, value in values.items():
        keys, at = (*above, key), (*path, key)
        if reason := owned.get(".".join(keys)):
            yield Mistake(at, reason)
        elif not above and key in chart.prefixes and isinstance(value, dict):
            yield from _below(chart, (), value, at, owned)
        elif key not in known:
            offered = {other for other in known if ".".join((*above, other)) not in owned}
            yield unknown(at, key, offered, value, what=f"value in the chart {chart.name}")
        elif rule := _rule(chart.default(keys), value):
            yield Mistake(at, f"{rule}, as in the chart's values.yaml", value)
        elif isinstance(value, dict) and not chart.is_free(keys):
            yield from _below(chart, keys, value, at, owned)


def _rule(default: Any, value: Any) -> str | None:
    """Return the rule that a value breaks beside its default; null removes any default."""
    if value is None or default is None:
        return None
    for kind, rule in KINDS.items():
        if isinstance(default, kind):
            return None if isinstance(value, kind) else rule
    return "must be a single value" if isinstance(value, dict | list) else None


def _against_schema(
    chart: ChartFiles, values: Mapping[str, Any], path: tuple[Step, ...]
) -> Iterator[Mistake]:
    if not chart.schema:
        return
    import jsonschema  # noqa: PLC0415 - a tenth of a second, for a stack with such values only

    for error in jsonschema.Draft202012Validator(chart.schema).iter_errors(values):
        yield Mistake((*path, *error.absolute_path), error.message, error.instance)
