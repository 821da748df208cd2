"""Releases from 1.0 to 1.4: one chart brings the whole mesh, and knows no more than it did then."""

from __future__ import annotations

import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mesh.resources import chart
from mesh.validation import chart_values
from mesh.validation.messages import below, unknown, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mesh.istio.release import Release
    from mesh.settings.schema import Settings

NAME = "istio"
"""The helm release, as Istio's docs of the time call it; also the chart's key in `values`."""
PROFILE = re.compile(r"values-(?:istio-)?(.+)\.yaml")

_ONE = "it has one control plane to a cluster"
_SAMPLE = "its sample has no such part"
CAME_LATER: Mapping[str, str] = {
    "gateways": "its chart has them: set values.istio.gateways",
    "routingApi": "it knows no Gateway API",
    "gatewayApiCrds": "it knows no Gateway API",
    "bookinfoRatings": _SAMPLE,
    "bookinfoDetailsV2": _SAMPLE,
    "meshConfig": "its chart makes it of other values: set values.istio.global",
    "platform": "it ships no platforms",
    "compatibilityVersion": "it keeps no older behaviour",
    "mtls": "set values.istio.global.mtls.enabled to true, or the profile auth",
    "mtlsByNamespace": "write Policies of authentication.istio.io",
    "denyByDefault": "write ServiceRoles of rbac.istio.io",
    "outboundTrafficPolicy": "set values.istio.global.proxy.includeIPRanges",
    "addons": "its chart has them: set values.istio.grafana.enabled and the like, or profile demo",
    "accessLogs": "set values.istio.global.proxy.accessLogFile",
    "tracingSampling": "set values.istio.pilot.traceSampling",
    "cni": "it ships no chart of istio-cni",
    "podSecurity": "its sidecars need an init container that changes the pods' network",
    "revision": _ONE,
    "canary": _ONE,
    "revisionTags": _ONE,
    "gatewayRevision": _ONE,
    "bookinfoRevision": _ONE,
}
"""Settings that need a release of 1.5 or later, and why, or what says the same before."""
OTHER_CHARTS = ("base", "istiod", "cni", "ztunnel")

OWNED: Mapping[str, str] = {
    **chart_values.OWNED,
    "global.crds": "is decided by the program, which installs the CRDs before the chart",
}
IMAGES = ("hub", "tag", "imagePullPolicy", "imagePullSecrets")
"""What the chart spells below `global` as all charts of Istio do."""

REPAIRS: Mapping[str, tuple[str, str]] = {
    # Helm 2 was built with a Go that passed over what stands behind a value in parentheses.
    "charts/tracing/templates/ingress-jaeger.yaml": (
        '(.Values.jaeger.ingress.enabled) and eq .Values.provider "jaeger"',
        'and .Values.jaeger.ingress.enabled (eq .Values.provider "jaeger")',
    ),
}
"""What today's helm can't read, by file: the mistake, and what was meant."""
LEFT_OUT: Mapping[str, dict[str, Any]] = {
    # As each gateway of values.yaml has it; without, no helm renders the file's own gateway.
    "gateways": {"gateways": {"custom-gateway": {"cpu": {"targetAverageUtilization": 80}}}},
}
"""What a profile lacks to be rendered."""


def mistakes(prefix: str, settings: Settings, istio: Release) -> list[str]:
    """List what such a release has no place for, and what its chart doesn't know."""
    chart_folder = istio.umbrella_chart
    return [
        *_came_later(prefix, settings, istio),
        *_no_profile(prefix, settings.profile, chart_folder),
        *chart_values.mistakes(
            chart_folder, settings.values.istio, f"{prefix}values.{NAME}", OWNED
        ),
    ]


def values(settings: Settings, istio: Release) -> dict[str, Any]:
    """Merge what the chart is rendered with: profile, raw values, what the stack decides."""
    images = {k: v for k, v in settings.common_values["global"].items() if k in IMAGES}
    # Else the file of CRDs asks for Tiller's version, which helm has no more; helm leaves the CRDs
    # out in any case, as hooks of a kind that it doesn't know.
    decided: dict[str, Any] = {"global": {**images, "crds": True}}
    if settings.cacerts is not None:
        decided["security"] = {"selfSigned": False}
    profile = _profile(istio.umbrella_chart, settings.profile)
    return chart.merged(profile, settings.values.istio, decided)


def enabled(settings: Settings, istio: Release) -> list[Path]:
    """List the chart and those inside it that the values of a stack switch on."""
    folder = istio.umbrella_chart
    wanted = chart.merged(chart_values.Chart(folder).defaults, values(settings, istio))
    return [folder] + [
        folder / "charts" / part["name"]
        for part in yaml.safe_load((folder / "requirements.yaml").read_text())["dependencies"]
        # As helm takes a condition: what isn't there switches nothing off.
        if wanted.get(part["name"], {}).get("enabled", True)
    ]


def _profile(chart_folder: Path, name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    shipped = yaml.safe_load(profiles(chart_folder)[name].read_text())
    return chart.merged(LEFT_OUT.get(name, {}), shipped)


def profiles(chart_folder: Path) -> dict[str, Path]:
    """Find the sets of values beside a chart's values.yaml: values-istio-demo.yaml is demo."""
    files = chart_folder.glob("values-*.yaml")
    found = {match[1]: file for file in files if (match := PROFILE.fullmatch(file.name))}
    return dict(sorted(found.items()))


@cache
def repaired(chart_folder: Path) -> Path:
    """Return a chart that today's helm can render: a copy, where this one needs a repair.

    The copy goes when the program ends; nothing of its path gets into the stack's state.
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


def _came_later(prefix: str, settings: Settings, istio: Release) -> Iterator[str]:
    defaults = settings.defaults()
    needs = f"needs Istio 1.5 or later, this is {istio.version}"
    for key, reason in CAME_LATER.items():
        if (got := settings.value(key)) != defaults.value(key):
            yield wrong(f"{prefix}{key}", f"{needs}: {reason}", got)
    if settings.data_plane.is_ambient:
        yield wrong(f"{prefix}injection", f"{needs}: it has sidecars only", settings.injection)
    for name in OTHER_CHARTS:
        if given := getattr(settings.values, name):
            rule = f"{needs}: its one chart is set by values.{NAME}"
            yield wrong(f"{prefix}values.{name}", rule, given)
    for service, plan in settings.traffic_plan.items():
        for case in (plan, *plan.when):
            for key in ("mirror", "delay", "abort"):
                if getattr(case, key):
                    yield wrong(
                        below(f"{prefix}trafficPlan", service, key),
                        f"{needs}: its routes spell percentages in another way",
                        getattr(case, key).model_dump(by_alias=True),
                    )


def _no_profile(prefix: str, name: str | None, chart_folder: Path) -> Iterator[str]:
    shipped = profiles(chart_folder)
    if name is not None and name not in shipped:
        what = f"one in the release, which has {', '.join(shipped) or 'none'}"
        yield unknown(f"{prefix}profile", name, shipped, name, what=what)
