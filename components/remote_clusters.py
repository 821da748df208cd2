"""Other clusters of the mesh: a Secret with a kubeconfig for each, which istiod watches."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Secret

from mesh.istio.remote_clusters import ANNOTATION, LABEL, RemoteCluster
from mesh.resources.ready import Ready
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class RemoteClustersArgs:
    """Arguments of RemoteClusters."""

    settings: Settings
    clusters: Sequence[RemoteCluster]


class RemoteClusters(pulumi.ComponentResource):
    """Secrets for istiod; a new kubeconfig changes one in place, and istiod switches over."""

    ready: Ready
    """Every Secret."""

    def __init__(
        self, name: str, args: RemoteClustersArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:RemoteClusters", name, None, opts)

        secrets = [
            Secret(
                f"{name}-{cluster.name}",
                metadata={
                    "name": cluster.secret,
                    "namespace": args.settings.istio_namespace,
                    "labels": {LABEL: "true"},
                    "annotations": {ANNOTATION: cluster.name},
                },
                type="Opaque",
                data=pulumi.Output.secret({cluster.name: _base64(cluster.kubeconfig)}),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for cluster in args.clusters
        ]

        self.ready = pulumi.Output.from_input(secrets)
        self.register_outputs({})


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
