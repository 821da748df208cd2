"""The core of Istio: its namespace, the base chart and every istiod; or, before 1.5, one chart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi_kubernetes.core.v1 import Secret, Service
from pulumi_kubernetes.helm.v3 import Chart

from components.umbrella_chart import UmbrellaChart, UmbrellaChartArgs
from mesh.charts import values as core_values
from mesh.injection import kube_inject
from mesh.istio.control_planes import ControlPlanes
from mesh.kubernetes.cluster import Cluster
from mesh.resources import chart, namespace
from mesh.resources.ready import Ready, all_ready
from mesh.settings import secrets
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class IstioCoreArgs:
    """What a stack decides about the core."""

    stack: Settings
    control_planes: ControlPlanes
    cluster: Cluster
    stopped: Mapping[str, int] = field(default_factory=dict)
    """Deployments that somebody scaled to nothing, to be started again: their generation."""


class IstioCore(pulumi.ComponentResource):
    """Each istiod up, and its injector answering: pods created from now on get a sidecar."""

    injectors: dict[str, kube_inject.Injector]
    """What each istiod injects, by revision, for those who don't want to leave it to istiod."""
    gateways: Mapping[str, pulumi.Output[Service | None]]
    """The Services of gateways that come with the core, by name: before 1.5 its chart has them."""
    ready: Ready
    """Every object of the core's charts."""

    def __init__(
        self, name: str, args: IstioCoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:IstioCore", name, None, opts)

        own = namespace.make(
            name,
            args.stack.istio_namespace,
            self,
            pod_security_level=args.stack.pod_security,
            pull_secret=args.stack.pull_secret,
        )
        made = [*own, *_authority(name, args, pulumi.ResourceOptions(parent=self, depends_on=own))]

        parts = _umbrella if args.control_planes.own.release.is_umbrella else _charts
        core = parts(args, pulumi.ResourceOptions(parent=self, depends_on=made))

        self.injectors = core.injectors
        self.gateways = core.gateways
        self.ready = all_ready(pulumi.Output.from_input(made), core.ready)
        self.register_outputs(
            {
                "namespace": args.stack.istio_namespace,
                "versions": {p.revision: p.release.version for p in args.control_planes.all},
            }
        )


@dataclass(frozen=True, kw_only=True)
class _Core:
    injectors: dict[str, kube_inject.Injector]
    gateways: Mapping[str, pulumi.Output[Service | None]] = field(default_factory=dict)
    ready: Ready


def _umbrella(args: IstioCoreArgs, opts: pulumi.ResourceOptions) -> _Core:
    """Make the one chart, which brings gateways and telemetry too."""
    plane = args.control_planes.own
    whole = UmbrellaChart(
        "istio-umbrella",
        UmbrellaChartArgs(
            stack=args.stack, control_plane=plane, cluster=args.cluster, stopped=args.stopped
        ),
        opts,
    )
    return _Core(
        injectors={plane.revision: whole.injector}, gateways=whole.gateways, ready=whole.ready
    )


def _charts(args: IstioCoreArgs, opts: pulumi.ResourceOptions) -> _Core:
    """Make the base chart, then each istiod: nothing orders the objects inside a v3 Chart."""
    base = _chart(
        "istio-base",
        args,
        args.control_planes.newest.base_chart,
        core_values.of_base(args.stack, args.control_planes),
        opts,
    )
    before = cast("Ready", pulumi.Output.from_input(opts.depends_on))
    after = pulumi.ResourceOptions(parent=opts.parent, depends_on=all_ready(before, base.ready))
    istiods = {
        plane.revision: _chart(
            plane.release_name,
            args,
            plane.release.istiod_chart,
            core_values.of_istiod(args.stack, plane),
            after,
        )
        for plane in args.control_planes.all
    }
    return _Core(
        injectors={
            plane.revision: kube_inject.injector(
                istiods[plane.revision],
                release=plane.release,
                namespace=args.stack.istio_namespace,
                kube_version=args.stack.kube_version,
                revision=plane.chart_value or None,
            )
            for plane in args.control_planes.all
        },
        ready=all_ready(base.ready, *(istiod.ready for istiod in istiods.values())),
    )


def _authority(
    name: str, args: IstioCoreArgs, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Make the Secret with the stack's own CA: istiod looks for it once, when it starts."""
    if args.stack.ca_secret is None:
        return []
    secret = Secret(
        f"{name}-{secrets.CA_SECRET}",
        metadata={"name": secrets.CA_SECRET, "namespace": args.stack.istio_namespace},
        type="Opaque",
        data=args.stack.ca_secret,
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
        namespace=args.stack.istio_namespace,
        kube_version=args.stack.kube_version,
        values=values,
        stopped=args.stopped,
    )
    return chart.make(name, rendered, opts)
