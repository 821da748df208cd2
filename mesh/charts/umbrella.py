"""Istio 1.0 to 1.4: a single Helm chart, with fewer settings."""

import re
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mesh.charts.values import common_values
from mesh.istio.chart_files import ChartFiles, merged
from mesh.istio.release import Release
from mesh.settings.schema import Settings

NAME = "istio"
"""The helm release, as Istio's docs of the time call it; also the chart's key in `values`."""
PROFILE = re.compile(r"values-(?:istio-)?(.+)\.yaml")

IMAGES = ("hub", "tag", "imagePullPolicy", "imagePullSecrets")
"""Keys below `global` that the chart spells as all charts of Istio do."""

REPAIRS: Mapping[str, tuple[str, str]] = {
    # Helm 2 was built with a Go version that ignored the text after a value in parentheses.
    "charts/tracing/templates/ingress-jaeger.yaml": (
        '(.Values.jaeger.ingress.enabled) and eq .Values.provider "jaeger"',
        'and .Values.jaeger.ingress.enabled (eq .Values.provider "jaeger")',
    ),
}
"""Text of templates that today's helm can't parse, by file, and its correction."""
LEFT_OUT: Mapping[str, dict[str, Any]] = {
    # As in each gateway of values.yaml; without it, helm can't render the profile's own gateway.
    "gateways": {"gateways": {"custom-gateway": {"cpu": {"targetAverageUtilization": 80}}}},
}
"""Values that the templates need and a profile lacks."""


def values(settings: Settings, istio: Release) -> dict[str, Any]:
    """Return the chart's values: the profile, overridden by raw values, then by settings."""
    images = {k: v for k, v in common_values(settings)["global"].items() if k in IMAGES}
    # Without crds=True the CRDs' template reads Tiller's version, which helm no longer has. Helm
    # leaves the CRDs out in any case: they are hooks of a kind that it doesn't know.
    decided: dict[str, Any] = {"global": {**images, "crds": True}}
    if settings.cacerts is not None:
        decided["security"] = {"selfSigned": False}
    profile = _profile(istio.umbrella_chart, settings.profile)
    return merged(profile, settings.values.istio, decided)


def enabled(settings: Settings, istio: Release) -> list[Path]:
    """List the chart and the subcharts that a stack's values enable."""
    folder = istio.umbrella_chart
    wanted = merged(ChartFiles(folder).defaults, values(settings, istio))
    return [folder] + [
        folder / "charts" / part["name"]
        for part in yaml.safe_load((folder / "requirements.yaml").read_text())["dependencies"]
        # As in helm's conditions: a missing value disables nothing.
        if wanted.get(part["name"], {}).get("enabled", True)
    ]


def _profile(chart_folder: Path, name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    shipped = yaml.safe_load(profiles(chart_folder)[name].read_text())
    return merged(LEFT_OUT.get(name, {}), shipped)


def profiles(chart_folder: Path) -> dict[str, Path]:
    """Find the profiles next to a chart's values.yaml: values-istio-demo.yaml is demo."""
    files = chart_folder.glob("values-*.yaml")
    found = {match[1]: file for file in files if (match := PROFILE.fullmatch(file.name))}
    return dict(sorted(found.items()))


@cache
def repaired(chart_folder: Path) -> Path:
    """Return a chart that today's helm can render: a copy, if this one needs a repair.

    The copy is deleted when the program ends; its path doesn't get into the stack's state.
    """
    texts = {
        name: (chart_folder / name).read_text()
        for name in REPAIRS
        if (chart_folder / name).is_file()
    }
    wanted = {name: text for name, text in texts.items() if REPAIRS[name][0] in text}
    if not wanted:
        return chart_folder
    copy = Path(_temporary().name) / chart_folder.name
    shutil.copytree(chart_folder, copy)
    for name, text in wanted.items():
        (copy / name).write_text(text.replace(*REPAIRS[name]))
    return copy


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="istio-chart-")
