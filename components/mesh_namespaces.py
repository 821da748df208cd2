"""Namespaces of other teams whose pods join the mesh: the stack takes back their labels only."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.core.v1 import Namespace, NamespacePatch

from mesh.istio.control_planes import ControlPlanes
from mesh.resources.ready import Ready
from mesh.settings.data_plane import DataPlane
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class MeshNamespacesArgs:
    """Arguments of MeshNamespaces."""

    settings: Settings
    control_planes: ControlPlanes
    adopting_provider: Provider
    """Provider for namespaces to create: one that a destroy left is there already."""


class MeshNamespaces(pulumi.ComponentResource):
    """The labels of each namespace; a destroy takes back the labels, and leaves the namespace."""

    ready: Ready
    """Every label."""

    def __init__(
        self, name: str, args: MeshNamespacesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:MeshNamespaces", name, None, opts)

        patches = []
        for namespace, wanted in args.settings.mesh_namespaces.items():
            data_plane = DataPlane(injection=wanted.injection, cni=args.settings.cni)
            there = [self._create(name, namespace, args)] if wanted.create else []
            label = args.control_planes.proxies(wanted.revision).label
            patches.append(
                NamespacePatch(
                    f"{name}-{namespace}",
                    metadata={"name": namespace, "labels": data_plane.namespace_labels(label)},
                    opts=pulumi.ResourceOptions(parent=self, depends_on=there),
                )
            )

        self.ready = pulumi.Output.from_input(patches)
        self.register_outputs({})

    def _create(self, name: str, namespace: str, args: MeshNamespacesArgs) -> Namespace:
        """Create a namespace that outlives the stack."""
        return Namespace(
            f"{name}-{namespace}-namespace",
            metadata={
                "name": namespace,
                "labels": args.settings.namespace_labels,
                "annotations": args.settings.namespace_annotations,
            },
            opts=pulumi.ResourceOptions(
                parent=self, provider=args.adopting_provider, retain_on_delete=True
            ),
        )
