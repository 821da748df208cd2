"""Namespaces of other teams whose pods join the mesh: the stack owns their labels only."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import NamespacePatch

from mesh.istio.control_planes import ControlPlanes
from mesh.resources.ready import Ready
from mesh.settings.data_plane import DataPlane
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class MeshNamespacesArgs:
    """Arguments of MeshNamespaces."""

    settings: Settings
    control_planes: ControlPlanes


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
            label = args.control_planes.proxies(wanted.revision).label
            patches.append(
                NamespacePatch(
                    f"{name}-{namespace}",
                    metadata={"name": namespace, "labels": data_plane.namespace_labels(label)},
                    opts=pulumi.ResourceOptions(parent=self),
                )
            )

        self.ready = pulumi.Output.from_input(patches)
        self.register_outputs({})
