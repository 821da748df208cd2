"""Which maps of values are open: the charts decide, asked by rendering them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh.istio.chart_files import ChartFiles, Keys
from sandbox import kubernetes_plugin, plugin_process
from tests.fakes.engine import find_release

CHARTS = ("base", "istio-control/istio-discovery", "gateway", "istio-cni", "ztunnel")
EXCEPTIONS = {
    ("istio-discovery", ("memory",)): "renders its block for any key, and reads one",
    ("gateway", ("podDisruptionBudget",)): "is rendered for two replicas and more",
}
"""Maps whose rendering says nothing about a single key of theirs."""


def empty_maps(values: dict[str, Any], above: Keys = ()) -> Iterator[Keys]:
    """List the maps that values.yaml leaves empty."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from empty_maps(value, (*above, key)) if value else iter([(*above, key)])


def nested(keys: Keys, value: Any) -> Any:
    """Return values that set one key."""
    for key in reversed(keys):
        value = {key: value}
    return value


@pytest.mark.parametrize("version", ["1.29.3", "1.30.3", "1.31.0-rc.0"])
@pytest.mark.parametrize("name", CHARTS)
def test_a_map_is_open_where_the_chart_takes_any_key(version: str, name: str) -> None:
    """A key that changes what helm renders is none to refuse, and one that doesn't is."""
    folder = find_release(version) / "manifests" / "charts" / name
    chart = ChartFiles(folder)
    plugin, _ = kubernetes_plugin.find()
    with plugin_process.run(plugin.program) as process:

        def rendered(values: Any) -> str:
            options = {
                "path": str(folder),
                "release_name": "x",
                "namespace": "istio-system",
                "kube_version": "1.36.0",
                "values": values,
            }
            try:
                return json.dumps(process.render(json.dumps(options)), sort_keys=True)
            except plugin_process.PluginError as error:
                return str(error)

        as_it_is = rendered({})
        for keys in empty_maps(chart.defaults):
            if (Path(name).name, keys) not in EXCEPTIONS:
                is_taken = rendered(nested(keys, {"some-key": "some-value"})) != as_it_is
                assert chart.is_free(keys) is is_taken, ".".join(keys)
