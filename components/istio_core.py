"""The core of Istio: its namespace, the base chart and every istiod."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.helm.v3 import Chart

from mesh import chart, core_values, manual_injection, namespace, secrets
from mesh.control_planes import ControlPlanes
from mesh.ordering import Ready, all_ready
from mesh.settings import Settings


@dataclass(frozen=True, kw_only=True)
class IstioCoreArgs:
    """What a stack decides about the core."""

    stack: Settings
    control_planes: ControlPlanes
    stopped: frozenset[str] = frozenset()
    """Deployments that somebody scaled to nothing, to be started again."""


class IstioCore(pulumi.ComponentResource):
    """Each istiod up, and its injector answering: pods created from now on get a sidecar."""

    injectors: dict[str, manual_injection.Injector]
    """What each istiod injects, by revision, for those who don't want to leave it to istiod."""
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

        # Nothing orders the objects inside a v3 Chart: the order is one between charts.
        base = _chart(
            "istio-base",
            args,
            args.control_planes.newest.base_chart,
            core_values.of_base(args.stack, args.control_planes),
            pulumi.ResourceOptions(parent=self, depends_on=made),
        )
        shared = all_ready(pulumi.Output.from_input(made), base.ready)
        istiods = {
            plane.revision: _chart(
                plane.release_name,
                args,
                plane.release.istiod_chart,
                core_values.of_istiod(args.stack, plane),
                pulumi.ResourceOptions(parent=self, depends_on=shared),
            )
            for plane in args.control_planes.all
        }

        self.injectors = {
            plane.revision: manual_injection.injector(
                istiods[plane.revision],
                release=plane.release,
                namespace=args.stack.istio_namespace,
                kube_version=args.stack.kube_version,
                revision=plane.chart_value or None,
            )
            for plane in args.control_planes.all
        }
        self.ready = all_ready(shared, *(istiod.ready for istiod in istiods.values()))
        self.register_outputs(
            {
                "namespace": args.stack.istio_namespace,
                "versions": {p.revision: p.release.version for p in args.control_planes.all},
            }
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
