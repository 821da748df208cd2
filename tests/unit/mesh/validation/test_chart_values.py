"""Raw chart values: helm would take any key, and say nothing."""

from pathlib import Path
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from mesh.istio.chart_files import ChartFiles
from mesh.settings.schema import Settings
from mesh.validation import chart_values

CHARTS = ("base", "istio-control/istio-discovery", "gateway", "istio-cni", "ztunnel")


@pytest.fixture
def charts(release_dir: Path) -> Path:
    """Return the folder of the release's charts."""
    return release_dir / "manifests/charts"


@pytest.fixture
def istiod(charts: Path) -> Path:
    """Return the chart of istiod."""
    return charts / "istio-control/istio-discovery"


@pytest.mark.parametrize(
    ("values", "mistake"),
    [
        (
            {"autoscaleMim": 2},
            ".autoscaleMim: no such value in the chart istiod, did you mean autoscaleMin?, got 2",
        ),
        ({"global": {"proxy": {"logLevl": "x"}}}, ".global.proxy.logLevl: no such value in the"),
        ({"pilot": {"envs": {}}}, ".pilot.envs: no such value in the chart istiod, did you mean"),
        ({"autoscaleEnabled": "false"}, ".autoscaleEnabled: must be true or false, as in the"),
        ({"nodeSelector": "linux"}, ".nodeSelector: must be an object, as in the chart's"),
        ({"tolerations": {"key": "a"}}, ".tolerations: must be a list, as in the chart's"),
        ({"replicaCount": {"min": 2}}, ".replicaCount: must be a single value, as in the"),
        (
            {"_internal_defaults_do_not_set": {"autoscaleMin": 2}},
            "._internal_defaults_do_not_set: holds the chart's own defaults: set the keys below it",
        ),
        ({"meshConfig": {}}, ".meshConfig: is the setting meshConfig"),
        ({"global": {"hub": "x"}}, ".global.hub: is the setting hub"),
        ({"pilot": {"tag": "x"}}, ".pilot.tag: is the setting tag"),
        ({"revision": "x"}, ".revision: is the setting revision"),
        (
            {"galley": {}},
            ".galley: no such value in the chart istiod: it is of releases before 1.5; its checks",
        ),
    ],
)
def test_a_mistake_is_named(istiod: Path, values: dict[str, Any], mistake: str) -> None:
    """With its whole path, the rule, and the key that was meant."""
    (found,) = chart_values.conflicts(istiod, values, ("values", "istiod"))

    assert found.line().startswith(f"values.istiod{mistake}")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"replicaCount": 2, "autoscaleEnabled": False, "rollingMaxSurge": 1},
        {"resources": {"limits": {"memory": "4Gi"}}, "nodeSelector": {"kubernetes.io/os": "linux"}},
        {"tolerations": [{"key": "a", "operator": "Exists"}], "env": {"PILOT_TRACE": "1"}},
        {"pdb": {"maxUnavailable": 1, "minAvailable": None}},
        {"global": {"proxy": {"holdApplicationUntilProxyStarts": True}}},
        {"pilot": {"env": {"PILOT_TRACE": "1"}, "autoscaleMax": 3}},
        {"gatewayClasses": {"istio": {"service": {"spec": {"type": "ClusterIP"}}}}},
    ],
)
def test_what_the_chart_reads_is_taken(istiod: Path, values: dict[str, Any]) -> None:
    """Any key where Kubernetes decides, and keys that only a template or a comment knows."""
    assert chart_values.conflicts(istiod, values, ("values", "istiod")) == []


@pytest.mark.parametrize("chart", CHARTS)
def test_a_charts_own_defaults_are_fine(charts: Path, chart: str) -> None:
    """Whoever copies all of values.yaml is told of nothing but what the program decides."""
    defaults = ChartFiles(charts / chart).defaults

    found = chart_values.conflicts(charts / chart, defaults, ("values",))

    decided = ("is the setting ", "is decided by the program")
    assert [each for each in found if not each.rule.startswith(decided)] == []


@pytest.mark.parametrize("chart", CHARTS)
def test_a_misspelt_key_is_found_in_each_chart(charts: Path, chart: str) -> None:
    """At the top and below global."""
    for values in ({"nosuch": 1}, {"global": {"nosuch": 1}}):
        assert len(chart_values.conflicts(charts / chart, values, ("values",))) == 1


@pytest.mark.parametrize(
    ("values", "mistake"),
    [
        ({"kind": "StatefulSet"}, ".kind: 'StatefulSet' is not one of ['Deployment', 'DaemonSet']"),
        (
            {"service": {"ports": [{"name": "http", "port": "80"}]}},
            ".service.ports[0].port: '80' is not of type 'integer'",
        ),
        ({"service": {"typ": "NodePort"}}, ".service.typ: no such value in the chart gateway"),
    ],
)
def test_a_charts_schema_is_honoured(charts: Path, values: dict[str, Any], mistake: str) -> None:
    """The gateway's chart has one; it lets unknown keys pass in depth, the check doesn't."""
    (found,) = chart_values.conflicts(charts / "gateway", values, ("values",))

    assert found.line().startswith(f"values{mistake}")


def test_a_value_of_another_chart_is_sent_there(charts: Path, istiod: Path) -> None:
    """Whoever pasted the values.yaml of a gateway gets the setting that takes them."""
    others = {"values.ztunnel": charts / "ztunnel", "gateways[].values": charts / "gateway"}

    (found,) = chart_values.conflicts(
        istiod, {"networkGateway": "one"}, ("values", "istiod"), others=others
    )

    assert found.line() == (
        "values.istiod.networkGateway: no such value in the chart istiod: "
        "set gateways[].values.networkGateway, got 'one'"
    )


def test_a_caller_may_own_more(charts: Path) -> None:
    """A component that decides a value itself refuses it, and says what decides it."""
    owned = {**chart_values.OWNED, "service.type": "is the setting serviceType"}

    values = {"service": {"type": "x"}}
    (found,) = chart_values.conflicts(charts / "gateway", values, ("g",), owned)

    assert found.line() == "g.service.type: is the setting serviceType"


def test_labels_are_free_where_a_template_reads_some(charts: Path) -> None:
    """The gateway's chart looks for app and istio among the labels, and takes all of them."""
    assert chart_values.conflicts(charts / "gateway", {"labels": {"team": "a"}}, ("g",)) == []


def test_what_is_refused_for_a_setting_has_that_setting() -> None:
    """The way out that a message names is there."""
    named = {why.split()[-1] for why in chart_values.OWNED.values() if "is the setting" in why}

    assert named <= {to_camel(field) for field in Settings.model_fields}
    assert "meshConfig" in named
