"""Mesh security: mutual TLS, and deny by default with policies that allow Bookinfo's calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi

from mesh.bookinfo import authorization
from mesh.istio.api import security as api
from mesh.resources.ready import Ready
from mesh.settings.schema import NamespaceMtls, Settings

MODES: Mapping[NamespaceMtls, Literal["DISABLE", "PERMISSIVE", "STRICT"]] = {
    "disable": "DISABLE",
    "permissive": "PERMISSIVE",
    "strict": "STRICT",
}


@dataclass(frozen=True, kw_only=True)
class MeshSecurityArgs:
    """Arguments of MeshSecurity."""

    settings: Settings
    ingress: tuple[str, str] | None
    """Namespace and name of the ingress gateway's ServiceAccount; None without such a gateway."""


class MeshSecurity(pulumi.ComponentResource):
    """Policies for mutual TLS and authorization; none when the stack keeps Istio's defaults."""

    ready: Ready
    """Every policy."""

    def __init__(
        self, name: str, args: MeshSecurityArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:MeshSecurity", name, None, opts)

        child = pulumi.ResourceOptions(parent=self)
        modes: dict[str, NamespaceMtls] = dict(args.settings.mtls_by_namespace)
        if args.settings.mtls == "strict":
            modes[args.settings.root_namespace] = args.settings.mtls
        policies = [
            api.PeerAuthentication(
                name="default",
                namespace=namespace,
                spec=api.PeerAuthenticationSpec(mtls=api.MutualTLS(mode=MODES[mode])),
            ).make(f"{name}-mtls-{namespace}", child)
            for namespace, mode in modes.items()
        ]
        if args.settings.deny_by_default:
            allowances = [
                policy.make(f"{name}-allow-{short}", child)
                for short, policy in authorization.allowances(args.settings, args.ingress).items()
            ]
            # Denials are created last and deleted first: requests go on while they are switched.
            last = pulumi.ResourceOptions(parent=self, depends_on=allowances)
            denials = authorization.denials(args.settings)
            policies += allowances
            policies += [policy.make(f"{name}-{short}", last) for short, policy in denials.items()]

        self.ready = pulumi.Output.from_input(policies)
        self.register_outputs({"policies": len(policies)})
