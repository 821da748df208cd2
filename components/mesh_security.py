"""Mesh security: mutual TLS, and deny by default with policies that allow Bookinfo's calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi

from mesh.bookinfo.services import FRONT, MICROSERVICES, Microservice, row, versions_of
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
                _allowance(service, args).make(f"{name}-allow-{service.name}", child)
                for service in MICROSERVICES
                if service.name in versions_of(args.settings)
            ]
            denial = api.AuthorizationPolicy(
                name="allow-nothing",
                namespace=args.settings.bookinfo_namespace,
                spec=api.AuthorizationPolicySpec(),
            )
            # The denial is created last and deleted first: requests go on while it is switched.
            last = pulumi.ResourceOptions(parent=self, depends_on=allowances)
            policies += [*allowances, denial.make(f"{name}-allow-nothing", last)]

        self.ready = pulumi.Output.from_input(policies)
        self.register_outputs({"policies": len(policies)})


def _allowance(service: Microservice, args: MeshSecurityArgs) -> api.AuthorizationPolicy:
    """Return a policy that allows a service's callers by their ServiceAccounts' certificates."""
    rows = [
        row(caller, version)
        for caller in MICROSERVICES
        for version in versions_of(args.settings).get(caller.name, ())
    ]
    # Versions share an account.
    accounts = dict.fromkeys(caller.account for caller in rows if service.name in caller.calls)
    callers = [(args.settings.bookinfo_namespace, account) for account in accounts]
    if service.name == FRONT and args.ingress is not None:
        callers.append(args.ingress)
    principals = tuple(
        f"{args.settings.trust_domain}/ns/{namespace}/sa/{account}"
        for namespace, account in callers
    )
    return api.AuthorizationPolicy(
        name=f"{service.name}-viewer",
        namespace=args.settings.bookinfo_namespace,
        spec=api.AuthorizationPolicySpec(
            selector=api.WorkloadSelector(match_labels={"app": service.name}),
            rules=(
                api.Rule(
                    from_=(api.From(source=api.Source(principals=principals)),),
                    # A database's protocol has no methods: a rule with one matches no request.
                    to=None if service.is_database else _to(service),
                ),
            ),
        ),
    )


def _to(service: Microservice) -> tuple[api.To, ...]:
    return (api.To(operation=api.Operation(methods=service.methods)),)
