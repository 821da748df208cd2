"""Checks of a stack on Istio 1.0 to 1.4: settings that came later, profiles, chart values."""

from collections.abc import Iterator, Mapping

from mesh.charts import umbrella
from mesh.istio.release import Release
from mesh.settings.schema import FACTS, Settings
from mesh.validation import chart_values
from mesh.validation.mistake import Mistake, unknown

OTHER_CHARTS = ("base", "istiod", "cni", "ztunnel")
OWNED: Mapping[str, str] = {
    **chart_values.OWNED,
    "global.crds": "is decided by the program, which installs the CRDs before the chart",
}


def conflicts(settings: Settings, release: Release) -> list[Mistake]:
    """List settings that the release doesn't support, and values that its chart doesn't have."""
    chart = release.umbrella_chart
    return [
        *_came_later(settings, release),
        *_profile(settings.profile, umbrella.profiles(chart)),
        *chart_values.conflicts(chart, settings.values.istio, ("values", umbrella.NAME), OWNED),
    ]


def _came_later(settings: Settings, release: Release) -> Iterator[Mistake]:
    defaults = settings.defaults()
    needs = f"needs Istio 1.5 or later, this is {release.version}"
    for key, facts in FACTS.items():
        got = settings.value(key)
        if facts.before_1_5 and got != defaults.value(key):
            yield Mistake((key,), f"{needs}: {facts.before_1_5}", got)
    if settings.data_plane.is_ambient:
        yield Mistake(("injection",), f"{needs}: it has sidecars only", settings.injection)
    for name in OTHER_CHARTS:
        if given := getattr(settings.values, name):
            rule = f"{needs}: its one chart is set by values.{umbrella.NAME}"
            yield Mistake(("values", name), rule, given)
    for service, plan in settings.traffic_plan.items():
        for case in (plan, *plan.when):
            for key in ("mirror", "delay", "abort"):
                if got := getattr(case, key):
                    yield Mistake(
                        ("trafficPlan", service, key),
                        f"{needs}: its routes have percentages in a form that this program doesn't "
                        "write",
                        got.model_dump(by_alias=True),
                    )


def _profile(name: str | None, shipped: Mapping[str, object]) -> Iterator[Mistake]:
    if name is not None and name not in shipped:
        what = f"one in the release, which has {', '.join(shipped) or 'none'}"
        yield unknown(("profile",), name, shipped, name, what=what)
