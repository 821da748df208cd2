"""The umbrella chart: the single chart of Istio before 1.5."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Service

from mesh.charts import umbrella
from mesh.injection import kube_inject
from mesh.istio.control_planes import ControlPlane
from mesh.kubernetes.cluster import Cluster
from mesh.resources import chart
from mesh.resources.deletion_hooks import DeletionHooks
from mesh.resources.ready import Ready, all_ready
from mesh.settings.schema import Settings

INGRESS = "istio-ingressgateway"


@dataclass(frozen=True, kw_only=True)
class UmbrellaChartArgs:
    """Arguments of UmbrellaChart."""

    settings: Settings
    control_plane: ControlPlane
    cluster: Cluster
    scaled_to_zero: Mapping[str, int]
    """Generations, by name, of Deployments that were scaled to 0: the update starts them again."""


class UmbrellaChart(pulumi.ComponentResource):
    """The whole mesh: control plane, gateways, telemetry, and the rules that tie them together."""

    injector: kube_inject.Injector
    """Manual injector: renders the sidecars that the chart's sidecar injector would inject."""
    gateways: Mapping[str, pulumi.Output[Service | None]]
    """The Service of the ingress gateway, by its name; None when the values disable it."""
    ready: Ready
    """Every object of the chart, with its installation Jobs completed."""

    def __init__(
        self, name: str, args: UmbrellaChartArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:UmbrellaChart", name, None, opts)

        wanted = chart.ChartArgs(
            path=umbrella.repaired(args.control_plane.release.umbrella_chart),
            namespace=args.settings.istio_namespace,
            kube_version=args.settings.kube_version,
            values=umbrella.values(args.settings, args.control_plane.release),
            setting=f"values.{umbrella.NAME}",
            scaled_to_zero=args.scaled_to_zero,
        )
        # Created before the chart, so that on a destroy they run after all of it is deleted.
        hooks = DeletionHooks(
            f"{name}-deletion-hooks",
            args.cluster,
            chart.deletion_hooks(umbrella.NAME, wanted, pulumi.InvokeOptions(parent=self)),
            pulumi.ResourceOptions(parent=self),
        )
        rendered = chart.make(
            umbrella.NAME, wanted, pulumi.ResourceOptions(parent=self, depends_on=[hooks])
        )

        self.injector = kube_inject.injector(
            rendered,
            release=args.control_plane.release,
            namespace=args.settings.istio_namespace,
            kube_version=args.settings.kube_version,
        )
        key = f"v1/Service:{args.settings.istio_namespace}/{INGRESS}"
        self.gateways = {INGRESS: rendered.resources.apply(lambda made: made.get(key))}
        self.ready = all_ready(pulumi.Output.from_input([hooks]), rendered.ready)
        self.register_outputs({"version": args.control_plane.release.version})
