"""A namespace whose pods are in the mesh."""

from dataclasses import dataclass

import pulumi

from mesh.kubernetes import ownership
from mesh.kubernetes.pod_security import Level
from mesh.resources import namespace, secrets
from mesh.resources.ready import Ready
from mesh.settings.data_plane import DataPlane


@dataclass(frozen=True, kw_only=True)
class InjectedNamespaceArgs:
    """What a stack decides about the namespace."""

    namespace: str
    data_plane: DataPlane
    context: str | None
    """The kubeconfig context that the stack names."""
    pod_security: Level | None
    """The Pod Security Standard that its pods must keep to; None = whatever the cluster says."""
    pull_secret: secrets.Data | None
    """What the sidecars' image is pulled with, where the stack has an account."""
    revision: str | None = None
    """The revision or tag that injects; None = the default one."""
    app_host: str | None = None
    """Of an application on another stack's platform: the host that it answers to."""


class InjectedNamespace(pulumi.ComponentResource):
    """The namespace, with the label that the injector, or ambient mode's node agent, looks for."""

    ready: Ready
    """The namespace, and what its pods' images are pulled with."""

    def __init__(
        self, name: str, args: InjectedNamespaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:InjectedNamespace", name, None, opts)

        made = namespace.make(
            name,
            args.namespace,
            self,
            labels={
                **args.data_plane.namespace_labels(args.revision),
                **(ownership.APP if args.app_host else {}),
            },
            annotations={ownership.HOST: args.app_host} if args.app_host else {},
            context=args.context,
            pod_security_level=args.pod_security,
            pull_secret=args.pull_secret,
        )

        self.ready = pulumi.Output.from_input(made)
        self.register_outputs({"namespace": args.namespace})
