"""Raw values of a chart, checked before helm renders it: helm silently accepts any key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesh.istio.chart_files import DEFAULTS, ChartFiles, Keys
from mesh.settings.paths import Step
from mesh.validation.mistake import Mistake, unknown

# Values that the program sets itself: a raw value would be overwritten, or conflict with them.
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
    "revision": "is the setting revision",
    "revisionTags": "is the setting revisionTags",
    "defaultRevision": "is decided by the program: the stack's own control plane",
    "cni.enabled": "is the setting cni",
    "ambient.enabled": "is the setting injection",
    "trustedZtunnelNamespace": "is the setting nodeAgentsNamespace",
    "base.excludedCRDs": "is decided by the program, which installs the CRDs before the charts",
    "base.enableCRDTemplates": "is decided by the program, which installs the CRDs itself",
    "base.validationFailurePolicy": "is decided by the program: Fail, as istiod sets it",
    DEFAULTS: "holds the chart's own defaults: set the keys below it without it",
    "defaults": "is refused by the chart: set the keys below it without it",
}
BEFORE_1_5: Mapping[str, str] = {
    "galley": "its checks are istiod's since 1.5",
    "mixer": "its policies and telemetry are the proxies' own since 1.8",
    "nodeagent": "istiod hands out certificates since 1.5",
    "security": "the CA is istiod's since 1.5: the setting cacerts",
    "istio_cni": "is the setting cni",
    "tracing": "is the setting addons, with jaeger",
    **{name: f"is the setting addons, with {name}" for name in ("grafana", "kiali", "prometheus")},
}
"""Values of the umbrella chart of releases before 1.5, and what replaces them since."""
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
    others: Mapping[str, Path] | None = None,
) -> list[Mistake]:
    """List values that a chart would ignore or fail on; `path` is, say, ("values", "istiod").

    `others` are charts that a value may be meant for instead, by the setting of their raw values.
    """
    if not values:
        return []
    known = ChartFiles(chart)
    found = list(_Check(known, owned, others or {}).below((), values, path))
    return found or list(_against_schema(known, values, path))


@dataclass(frozen=True)
class _Check:
    """The check of one chart's values."""

    chart: ChartFiles
    owned: Mapping[str, str]
    others: Mapping[str, Path]

    def below(
        self, above: Keys, values: Mapping[str, Any], path: tuple[Step, ...]
    ) -> Iterator[Mistake]:
        known = self.chart.known(above)
        for key, value in values.items():
            keys, at = (*above, key), (*path, key)
            if reason := self.owned.get(".".join(keys)):
                yield Mistake(at, reason)
            elif not above and key in self.chart.prefixes and isinstance(value, dict):
                yield from self.below((), value, at)
            elif key not in known:
                offered = {each for each in known if ".".join((*above, each)) not in self.owned}
                what = f"value in the chart {self.chart.name}"
                place = "" if above else self._elsewhere(key)
                yield (
                    Mistake(at, f"no such {what}: {place}", value)
                    if place
                    else unknown(at, key, offered, value, what=what)
                )
            elif rule := _rule(self.chart.default(keys), value):
                yield Mistake(at, f"{rule}, as in the chart's values.yaml", value)
            elif isinstance(value, dict) and not self.chart.is_free(keys):
                yield from self.below(keys, value, at)

    def _elsewhere(self, key: str) -> str:
        """Return the right place for a value that another chart, or an earlier release, has."""
        places = [
            f"{setting}.{key}"
            for setting, chart in self.others.items()
            if key in ChartFiles(chart).known(())
        ]
        if places:
            return f"set {' or '.join(places)}"
        return f"it is of releases before 1.5; {BEFORE_1_5[key]}" if key in BEFORE_1_5 else ""


def _rule(default: Any, value: Any) -> str | None:
    """Return the rule that a value breaks, by its default's type; null removes any default."""
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
