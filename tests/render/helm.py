"""Charts through the real helm: as a person runs it, and as the plugin does."""

import subprocess
from typing import Any

import yaml

from sandbox.kubernetes_plugin import helm, manifests
from tests.unit.engine import FakeCluster


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


class HelmCluster(FakeCluster):
    """Accepts every resource, and renders charts as the Kubernetes plugin does."""

    def render(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        """Run helm and read what it prints by the stand-in plugin's own code."""
        return manifests.parse(helm.template(options, None))
