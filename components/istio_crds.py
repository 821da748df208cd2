"""Istio's CustomResourceDefinitions: established before anything uses them, kept on destroy."""

from dataclasses import dataclass

import pulumi

from mesh.istio.release import Release
from mesh.resources import crd
from mesh.resources.ready import Ready


@dataclass(frozen=True, kw_only=True)
class IstioCRDsArgs:
    """Arguments of IstioCRDs."""

    release: Release
    delete: bool = False
    """Whether a destroy deletes them, and with them all objects of their kinds."""


class IstioCRDs(pulumi.ComponentResource):
    """Every CRD of a release, as the release ships it."""

    names: list[str]
    """Names of the CRDs."""
    kept: list[str]
    """Names of the CRDs that stay in the cluster after a destroy."""
    ready: Ready
    """Every CRD, established."""

    def __init__(
        self, name: str, args: IstioCRDsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:IstioCRDs", name, None, opts)

        # Deleting a CRD deletes all objects of its kind: every team's routes.
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=not args.delete)
        crds = [crd.make(shipped, child) for shipped in args.release.crds]

        self.names = args.release.crd_names
        self.kept = [] if args.delete else self.names
        self.ready = pulumi.Output.from_input(crds)
        self.register_outputs({"names": self.names})
