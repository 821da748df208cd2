"""The core of Istio: its namespace, the base chart and istiod."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Namespace

from mesh import chart, ownership
from mesh.ordering import Ready, all_ready
from mesh.release import Release

# Charts of the source tree say "testing" here; a published image is always below this hub.
PUBLISHED_HUB = "docker.io/istio"


@dataclass(frozen=True, kw_only=True)
class IstioCoreArgs:
    """What a stack decides about the core."""

    release: Release
    namespace: str
    kube_version: str
    mesh_config: Mapping[str, Any]
    """Istio's MeshConfig, merged over the chart's."""


class IstioCore(pulumi.ComponentResource):
    """istiod, up, and its injector answering: pods created from now on get a sidecar."""

    ready: Ready
    """Every object of the core's charts."""

    def __init__(
        self, name: str, args: IstioCoreArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:IstioCore", name, None, opts)

        namespace = Namespace(
            f"{name}-namespace",
            metadata={"name": args.namespace, "annotations": ownership.mark()},
            opts=pulumi.ResourceOptions(
                parent=self,
                # A namespace is gone when all in it is gone; giving up early leaves it Terminating.
                custom_timeouts=pulumi.CustomTimeouts(delete="20m"),
            ),
        )

        values = _values(args)
        self.ready = pulumi.Output.from_input([namespace])
        for release_name, path in args.release.core_charts.items():
            rendered = chart.make(
                release_name,
                chart.ChartArgs(
                    path=path,
                    namespace=args.namespace,
                    kube_version=args.kube_version,
                    values=values,
                ),
                # Nothing orders the objects inside a v3 Chart: the order is one between charts.
                pulumi.ResourceOptions(parent=self, depends_on=self.ready),
            )
            self.ready = all_ready(self.ready, rendered.ready)

        self.register_outputs({"namespace": args.namespace, "version": args.release.version})


def _values(args: IstioCoreArgs) -> dict[str, Any]:
    """Values of base and istiod: each chart reads its own and ignores the other's."""
    return {
        "global": {
            "hub": PUBLISHED_HUB,
            "tag": args.release.version,
            "istioNamespace": args.namespace,
        },
        "meshConfig": dict(args.mesh_config),
        "base": {
            # IstioCRDs owns them.
            "excludedCRDs": args.release.crd_names,
            # istiod sets this itself; "Ignore", the default, would be a conflict on each update.
            "validationFailurePolicy": "Fail",
        },
    }
