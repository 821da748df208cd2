"""A namespace for pods that join the mesh."""

from collections.abc import Collection
from dataclasses import dataclass

import pulumi

from mesh.kubernetes import ownership
from mesh.resources import namespace
from mesh.resources.ready import Ready
from mesh.settings.data_plane import DataPlane
from mesh.settings.schema import Settings


@dataclass(frozen=True, kw_only=True)
class InjectedNamespaceArgs:
    """Arguments of InjectedNamespace."""

    settings: Settings
    namespace: str
    data_plane: DataPlane
    """How its pods join the mesh: a gateway's proxy is injected in any case."""
    adopted: Collection[str] = ()
    """Namespaces that somebody else made: a destroy leaves them."""
    revision: str | None = None
    """The revision or tag of its injector; None = the default one."""
    app_host: str | None = None
    """The host of an application on another stack's platform."""


class InjectedNamespace(pulumi.ComponentResource):
    """The namespace, with the label that the injector, or ambient mode's node agent, looks for."""

    ready: Ready
    """The namespace and its image pull secret."""

    def __init__(
        self, name: str, args: InjectedNamespaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:InjectedNamespace", name, None, opts)

        made = namespace.make(
            name,
            args.namespace,
            self,
            args.settings,
            adopted=args.adopted,
            labels={
                **args.data_plane.namespace_labels(args.revision),
                **(ownership.APP if args.app_host else {}),
            },
            annotations={ownership.HOST: args.app_host} if args.app_host else {},
        )

        self.ready = pulumi.Output.from_input(made)
        self.register_outputs({"namespace": args.namespace})
