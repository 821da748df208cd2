"""A namespace whose pods are in the mesh."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import Namespace, Secret

from mesh import ownership, pod_security, secrets
from mesh.data_plane import DataPlane
from mesh.ordering import Ready
from mesh.pod_security import Level


@dataclass(frozen=True, kw_only=True)
class InjectedNamespaceArgs:
    """What a stack decides about the namespace."""

    namespace: str
    data_plane: DataPlane
    pod_security: Level | None
    """The Pod Security Standard that its pods must keep to; None = whatever the cluster says."""
    pull_secret: secrets.Data | None
    """What the sidecars' image is pulled with, where the stack has an account."""
    revision: str | None = None
    """The revision or tag that injects; None = the default one."""


class InjectedNamespace(pulumi.ComponentResource):
    """The namespace, with the label that the injector, or ambient mode's node agent, looks for."""

    ready: Ready
    """The namespace, and what its pods' images are pulled with."""

    def __init__(
        self, name: str, args: InjectedNamespaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:InjectedNamespace", name, None, opts)

        namespace = Namespace(
            f"{name}-namespace",
            metadata={
                "name": args.namespace,
                "labels": {
                    **args.data_plane.namespace_labels(args.revision),
                    **pod_security.labels(args.pod_security),
                },
                "annotations": ownership.mark(),
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                # A namespace is gone when all in it is gone; giving up early leaves it Terminating.
                custom_timeouts=pulumi.CustomTimeouts(delete="20m"),
            ),
        )

        made = [namespace]
        if args.pull_secret is not None:
            made.append(
                Secret(
                    f"{name}-{secrets.PULL_SECRET}",
                    metadata={"name": secrets.PULL_SECRET, "namespace": args.namespace},
                    type="kubernetes.io/dockerconfigjson",
                    data=args.pull_secret,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace]),
                )
            )

        self.ready = pulumi.Output.from_input(made)
        self.register_outputs({"namespace": args.namespace})
