"""The core of Istio: its namespace, the base chart and every istiod; or, before 1.5, one chart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Namespace, Secret, Service
from pulumi_kubernetes.helm.v3 import Chart

from components.umbrella_chart import UmbrellaChart, UmbrellaChartArgs
from mesh import chart, manual_injection, ownership, pod_security, secrets
from mesh.cluster import Cluster
from mesh.control_planes import ControlPlane, ControlPlanes
from mesh.ordering import Ready, all_ready
from mesh.settings import Settings

# istiod sets this itself; "Ignore", the default, would be a conflict on each update.
VALIDATORS = {"validationFailurePolicy": "Fail"}
# Every pod that istiod makes or completes keeps to Pod Security's "restricted": raw values may
# say otherwise.
RESTRICTED_VALUES: dict[str, Any] = {
    "seccompProfile": pod_security.SECCOMP_PROFILE,
    "global": {"proxy": {"seccompProfile": pod_security.SECCOMP_PROFILE}},
    "gateways": {
        "securityContext": {
            # The charts' own, by which ports 80 and 443 need no rights; a value replaces it.
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            "seccompProfile": pod_security.SECCOMP_PROFILE,
        }
    },
}


@dataclass(frozen=True, kw_only=True)
class IstioCoreArgs:
    """What a stack decides about the core."""

    stack: Settings
    control_planes: ControlPlanes
    cluster: Cluster
    stopped: frozenset[str] = frozenset()
    """Deployments that somebody scaled to nothing, to be started again."""


class IstioCore(pulumi.ComponentResource):
    """Each istiod up, and its injector answering: pods created from now on get a sidecar."""

    injectors: dict[str, manual_injection.Injector]
    """What each istiod injects, by revision, for those who don't want to leave it to istiod."""
    gateways: Mapping[str, pulumi.Output[Service | None]]
    """The Services of gateways that come with the core, by name: before 1.5 its chart has them."""
    ready: Ready
    """Every object of the core's charts."""

    def __init__(
        self, name: str, args: IstioCoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:IstioCore", name, None, opts)

        namespace = Namespace(
            f"{name}-namespace",
            metadata={
                "name": args.stack.istio_namespace,
                "labels": pod_security.labels(args.stack.pod_security),
                "annotations": ownership.mark(),
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                # A namespace is gone when all in it is gone; giving up early leaves it Terminating.
                custom_timeouts=pulumi.CustomTimeouts(delete="20m"),
            ),
        )

        # istiod is pulled with the one, and looks for the other once, when it starts.
        wanted = (
            (secrets.PULL_SECRET, "kubernetes.io/dockerconfigjson", args.stack.pull_secret),
            (secrets.CA_SECRET, "Opaque", args.stack.ca_secret),
        )
        made = [
            Secret(
                f"{name}-{secret_name}",
                metadata={"name": secret_name, "namespace": args.stack.istio_namespace},
                type=kind,
                data=data,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
            )
            for secret_name, kind, data in wanted
            if data is not None
        ]

        before = pulumi.Output.from_input([namespace, *made])
        parts = _umbrella if args.control_planes.own.release.is_umbrella else _charts
        made_of = parts(args, pulumi.ResourceOptions(parent=self, depends_on=before))

        self.injectors = made_of.injectors
        self.gateways = made_of.gateways
        self.ready = all_ready(before, made_of.ready)
        self.register_outputs(
            {
                "namespace": args.stack.istio_namespace,
                "versions": {p.revision: p.release.version for p in args.control_planes.all},
            }
        )


@dataclass(frozen=True, kw_only=True)
class _Made:
    injectors: dict[str, manual_injection.Injector]
    gateways: Mapping[str, pulumi.Output[Service | None]] = field(default_factory=dict)
    ready: Ready


def _umbrella(args: IstioCoreArgs, opts: pulumi.ResourceOptions) -> _Made:
    """Make the one chart, which brings gateways and telemetry too."""
    plane = args.control_planes.own
    whole = UmbrellaChart(
        "istio-umbrella",
        UmbrellaChartArgs(
            stack=args.stack, control_plane=plane, cluster=args.cluster, stopped=args.stopped
        ),
        opts,
    )
    return _Made(
        injectors={plane.revision: whole.injector}, gateways=whole.gateways, ready=whole.ready
    )


def _charts(args: IstioCoreArgs, opts: pulumi.ResourceOptions) -> _Made:
    """Make the base chart, then each istiod: nothing orders the objects inside a v3 Chart."""
    base = _chart(
        "istio-base",
        args,
        args.control_planes.newest.base_chart,
        _cluster_values(args),
        opts,
    )
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=base.ready))
    istiods = {
        plane.revision: _chart(
            plane.release_name, args, plane.release.istiod_chart, _istiod_values(args, plane), after
        )
        for plane in args.control_planes.all
    }
    return _Made(
        injectors={
            plane.revision: manual_injection.injector(
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


def _cluster_values(args: IstioCoreArgs) -> dict[str, Any]:
    """Values of the base chart: what the control planes of a cluster share."""
    decided = {
        # Whose validator checks the objects of those who name no revision.
        "defaultRevision": args.control_planes.own.revision,
        "base": {
            # IstioCRDs owns them.
            "excludedCRDs": args.control_planes.newest.crd_names,
            **VALIDATORS,
        },
    }
    raw = args.stack.core_values.get("istio-base", {})
    return chart.merged(RESTRICTED_VALUES, raw, args.stack.common_values, decided)


def _istiod_values(args: IstioCoreArgs, plane: ControlPlane) -> dict[str, Any]:
    """Merge the raw values of a chart with what the stack decides, which none of them is about."""
    decided = {
        "global": {"tag": plane.tag},
        "meshConfig": dict(args.stack.whole_mesh_config),
        "pilot": {
            "cni": {"enabled": bool(args.stack.data_plane.node_agents)},
            # istiod signs for any workload that ztunnel's account asks for: nobody else's may be.
            "trustedZtunnelNamespace": args.stack.node_agents_namespace
            if args.stack.data_plane.is_ambient
            else "",
        },
        "revision": plane.chart_value,
        "revisionTags": list(plane.tags),
        "base": VALIDATORS,
    }
    raw = args.stack.core_values.get("istiod", {})
    return chart.merged(RESTRICTED_VALUES, raw, args.stack.common_values, decided)
