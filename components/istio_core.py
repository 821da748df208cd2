"""The core of Istio: its namespace, the base chart and every istiod; before 1.5, a single chart."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi_kubernetes.core.v1 import Secret, Service
from pulumi_kubernetes.helm.v3 import Chart

from components.umbrella_chart import UmbrellaChart, UmbrellaChartArgs
from mesh.charts.values import base_values, istiod_values
from mesh.injection import kube_inject
from mesh.istio.control_planes import ControlPlanes
from mesh.kubernetes.cluster import Cluster
from mesh.resources import chart, namespace, secrets
from mesh.resources.ready import Ready, all_ready
from mesh.settings.clusters import CONTROL_PLANE, NETWORK_LABEL
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class IstioCoreArgs:
    """Arguments of IstioCore."""

    settings: Settings
    control_planes: ControlPlanes
    cluster: Cluster
    scaled_to_zero: Mapping[str, int] = field(default_factory=dict)
    """Generations, by name, of Deployments that were scaled to 0: the update starts them again."""
    drops_ca: bool = False
    """Whether the update takes away the CA that istiod runs with."""
    adopted: Collection[str] = ()
    """Namespaces that somebody else made: a destroy leaves them."""


class IstioCore(pulumi.ComponentResource):
    """Every istiod, with its injector answering: pods created afterwards get a sidecar."""

    injectors: dict[str, kube_inject.Injector]
    """Manual injectors by revision: each renders the sidecars that its istiod would inject."""
    gateways: Mapping[str, pulumi.Output[Service | None]]
    """Services of gateways that the umbrella chart (Istio < 1.5) creates, by name."""
    ready: Ready
    """Every object of the core's charts."""

    def __init__(
        self, name: str, args: IstioCoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:IstioCore", name, None, opts)

        network = args.settings.network
        control_plane = args.settings.remote_control_plane
        own = namespace.make(
            name,
            args.settings.istio_namespace,
            self,
            args.settings,
            labels={NETWORK_LABEL: network} if network else None,
            annotations={CONTROL_PLANE: control_plane.cluster} if control_plane else None,
            adopted=args.adopted,
        )
        made = [*own, *_authority(name, args, pulumi.ResourceOptions(parent=self, depends_on=own))]

        parts = _umbrella if args.control_planes.own.release.is_umbrella else _charts
        core = parts(args, pulumi.ResourceOptions(parent=self, depends_on=made))

        self.injectors = core.injectors
        self.gateways = core.gateways
        self.ready = all_ready(pulumi.Output.from_input(made), core.ready)
        self.register_outputs(
            {
                "namespace": args.settings.istio_namespace,
                "versions": {p.revision: p.release.version for p in args.control_planes.all},
            }
        )


@dataclass(frozen=True, kw_only=True)
class _Core:
    injectors: dict[str, kube_inject.Injector]
    gateways: Mapping[str, pulumi.Output[Service | None]] = field(default_factory=dict)
    ready: Ready


def _umbrella(args: IstioCoreArgs, opts: pulumi.ResourceOptions) -> _Core:
    """Create the umbrella chart, which contains gateways and telemetry too."""
    plane = args.control_planes.own
    whole = UmbrellaChart(
        "istio-umbrella",
        UmbrellaChartArgs(
            settings=args.settings,
            control_plane=plane,
            cluster=args.cluster,
            scaled_to_zero=args.scaled_to_zero,
        ),
        opts,
    )
    return _Core(
        injectors={plane.revision: whole.injector}, gateways=whole.gateways, ready=whole.ready
    )


def _charts(args: IstioCoreArgs, opts: pulumi.ResourceOptions) -> _Core:
    """Create the base chart, then each istiod: nothing orders the objects inside a v3 Chart."""
    base = _chart(
        "istio-base",
        args,
        args.control_planes.newest.base_chart,
        base_values(args.settings, args.control_planes),
        opts,
    )
    before = cast("Ready", pulumi.Output.from_input(opts.depends_on))
    after = pulumi.ResourceOptions(parent=opts.parent, depends_on=all_ready(before, base.ready))
    istiods = {
        plane.revision: _chart(
            plane.release_name,
            args,
            plane.release.istiod_chart,
            istiod_values(args.settings, plane),
            after,
        )
        for plane in args.control_planes.all
    }
    return _Core(
        injectors={
            plane.revision: kube_inject.injector(
                istiods[plane.revision],
                release=plane.release,
                namespace=args.settings.istio_namespace,
                kube_version=args.settings.kube_version,
                revision=plane.chart_value or None,
            )
            for plane in args.control_planes.all
        },
        ready=all_ready(base.ready, *(istiod.ready for istiod in istiods.values())),
    )


def _authority(
    name: str, args: IstioCoreArgs, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Create the Secret with the stack's own CA: istiod looks for it only when it starts.

    Pulumi deletes last: an istiod that restarts in the update that drops the CA would load it
    once more. So the Secret is emptied then, and the next update deletes it.
    """
    data = secrets.ca_secret(args.settings)
    if data is None and not args.drops_ca:
        return []
    secret = Secret(
        f"{name}-{secrets.CA_SECRET}",
        metadata={"name": secrets.CA_SECRET, "namespace": args.settings.istio_namespace},
        type="Opaque",
        data={} if data is None else data,
        opts=opts,
    )
    return [secret]


def _chart(
    name: str,
    args: IstioCoreArgs,
    path: Path,
    values: dict[str, Any],
    opts: pulumi.ResourceOptions,
) -> Chart:
    rendered = chart.ChartArgs(
        path=path,
        namespace=args.settings.istio_namespace,
        kube_version=args.settings.kube_version,
        values=values,
        setting="values.base" if path == args.control_planes.newest.base_chart else "values.istiod",
        scaled_to_zero=args.scaled_to_zero,
        # Another cluster's istiod fills it in later, when it knows this cluster.
        awaits_injector=args.settings.remote_control_plane is None,
    )
    return chart.make(name, rendered, opts)
