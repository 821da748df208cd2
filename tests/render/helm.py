"""Charts rendered by `helm template`, and by the helm in the Kubernetes plugin."""

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from sandbox import kubernetes_plugin, plugin_process
from tests.fakes.engine import FakeCluster


def template(options: dict[str, Any]) -> list[dict[str, Any]]:
    """Print what `helm template` makes of a chart's options, less the tests of the chart."""
    values = yaml.safe_dump(options["values"])
    command = ["helm", "template", options["release_name"], options["path"], "--skip-tests"]
    command += ["--namespace", options["namespace"], "--kube-version", options["kube_version"]]
    if options["skip_crd_rendering"]:
        command += ["--skip-crds"]
    printed = subprocess.run(
        [*command, "--values", "-"], input=values, text=True, capture_output=True, check=True
    ).stdout
    return [manifest for manifest in yaml.safe_load_all(printed) if manifest]


@functools.cache
def _plugin() -> Path:
    return kubernetes_plugin.find()[0].program


class PluginCluster(FakeCluster):
    """Accepts every resource, and has charts rendered by the real Kubernetes plugin."""

    def render(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        """Ask the plugin as helm.v3.Chart does."""
        with plugin_process.run(_plugin()) as plugin:
            return plugin.render(json.dumps(options))
