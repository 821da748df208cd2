"""Access of other clusters' istiods to this cluster's API server: a Secret for each token."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Secret

from mesh.istio.remote_clusters import READER
from mesh.resources.ready import Ready
from mesh.settings.schema import Settings

TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - the type of a Secret


@dataclass(frozen=True, kw_only=True)
class ClusterAccessArgs:
    """Arguments of ClusterAccess."""

    settings: Settings
    server: str
    """Address of the API server."""


class ClusterAccess(pulumi.ComponentResource):
    """Tokens of the ServiceAccount for other clusters; Kubernetes fills them in."""

    output: pulumi.Output[dict[str, str]]
    """Server, certificate authority and token, as in a cluster's contract."""
    ready: Ready
    """Every token."""

    def __init__(
        self, name: str, args: ClusterAccessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:ClusterAccess", name, None, opts)

        access = args.settings.cluster_access
        tokens = [
            Secret(
                f"{name}-{token}",
                metadata={
                    "name": f"istio-reader-{token}",
                    "namespace": args.settings.istio_namespace,
                    "annotations": {"kubernetes.io/service-account.name": READER},
                },
                type=TOKEN,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for token in (access.tokens if access else ())
        ]

        self.output = tokens[-1].data.apply(lambda data: _access(args.server, data))
        self.ready = pulumi.Output.from_input(tokens)
        self.register_outputs({})


def _access(server: str, data: Mapping[str, str]) -> dict[str, str]:
    return {
        "server": server,
        "certificateAuthority": data["ca.crt"],
        "token": base64.b64decode(data["token"]).decode(),
    }
