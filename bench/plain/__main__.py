"""Istio and Bookinfo as a person writes it first: three charts, the sample, and their order."""

import os
from pathlib import Path

import pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v3 import Chart, LocalChartOpts
from pulumi_kubernetes.yaml import ConfigFile

config = pulumi.Config()
release, version = Path(config.require("release")), config.require("version")
charts = release / "manifests" / "charts"
kubernetes = Provider(
    "cluster",
    kubeconfig=os.environ["KUBECONFIG"],
    opts=pulumi.ResourceOptions(version=os.environ.get("MESH_KUBERNETES_PLUGIN")),
)


def chart(name: str, path: Path, after: pulumi.Input) -> Chart:
    """Return a chart of Istio."""
    values = {"global": {"hub": "docker.io/istio", "tag": version}}
    return Chart(
        name,
        LocalChartOpts(path=str(path), namespace="istio-system", values=values),
        pulumi.ResourceOptions(provider=kubernetes, depends_on=after),
    )


system = Namespace(
    "istio-system",
    metadata={"name": "istio-system"},
    opts=pulumi.ResourceOptions(provider=kubernetes),
)
base = chart("base", charts / "base", [system])
istiod = chart("istiod", charts / "istio-control" / "istio-discovery", base.ready)
chart("istio-ingressgateway", charts / "gateway", istiod.ready)
bookinfo = Namespace(
    "bookinfo",
    metadata={"name": "bookinfo", "labels": {"istio-injection": "enabled"}},
    opts=pulumi.ResourceOptions(provider=kubernetes, depends_on=istiod.ready),
)


def in_bookinfo(manifest: dict, _: pulumi.ResourceOptions) -> None:
    """Put an object of the sample into its namespace."""
    manifest["metadata"]["namespace"] = "bookinfo"


ConfigFile(
    "sample",
    file=str(release / "samples" / "bookinfo" / "platform" / "kube" / "bookinfo.yaml"),
    transformations=[in_bookinfo],
    opts=pulumi.ResourceOptions(provider=kubernetes, depends_on=[bookinfo]),
)
