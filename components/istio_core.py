"""The core of Istio: its namespace, the base chart and every istiod."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.helm.v3 import Chart

from mesh import chart, manual_injection, namespace, pod_security, secrets
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
            _cluster_values(args),
            pulumi.ResourceOptions(parent=self, depends_on=made),
        )
        shared = all_ready(pulumi.Output.from_input(made), base.ready)
        istiods = {
            plane.revision: _chart(
                plane.release_name,
                args,
                plane.release.istiod_chart,
                _istiod_values(args, plane),
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
