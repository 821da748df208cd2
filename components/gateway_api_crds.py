"""The Kubernetes Gateway API's CustomResourceDefinitions, which the whole cluster shares."""

from dataclasses import dataclass

import pulumi

from mesh.istio.gateway_api_crds import Bundle
from mesh.resources import crd
from mesh.resources.ready import Ready


@dataclass(frozen=True, kw_only=True)
class GatewayAPICRDsArgs:
    """Arguments of GatewayAPICRDs."""

    bundle: Bundle | None
    """The bundle with the CRDs; None when nothing needs them, or the cluster has its own."""


class GatewayAPICRDs(pulumi.ComponentResource):
    """Every CRD of a bundle: adopted if it already exists, and never deleted."""

    names: list[str]
    """Names of the CRDs: they stay in the cluster after a destroy."""
    ready: Ready
    """Every CRD, established: istiod looks for them when it starts."""

    def __init__(
        self, name: str, args: GatewayAPICRDsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:GatewayAPICRDs", name, None, opts)

        shipped = args.bundle.crds if args.bundle else []
        # Deleting a CRD deletes all objects of its kind, and most of them aren't this stack's.
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        crds = [crd.make(each, child) for each in shipped]

        self.names = [each["metadata"]["name"] for each in shipped]
        self.ready = pulumi.Output.from_input(crds)
        self.register_outputs({"names": self.names})
