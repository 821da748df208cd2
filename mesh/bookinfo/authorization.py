"""Authorization of Bookinfo's requests: each service allows its callers, and denies all others.

Sidecars enforce a policy at the pods. In ambient mode ztunnel does, which sees no methods: there a
service's waypoint checks callers and methods, and the pods accept requests from the waypoint only.
"""

from mesh.bookinfo.gateway_api_routes import version_service
from mesh.bookinfo.services import FRONT, MICROSERVICES, Microservice, row, versions_of
from mesh.istio.api.security import (
    AuthorizationPolicy,
    AuthorizationPolicySpec,
    From,
    Operation,
    Rule,
    Source,
    TargetRef,
    To,
    WorkloadSelector,
)
from mesh.settings.schema import Settings
from mesh.settings.waypoint import Waypoint

Account = tuple[str, str]
"""Namespace and name of a ServiceAccount."""


def allowances(settings: Settings, ingress: Account | None) -> dict[str, AuthorizationPolicy]:
    """Return the policies that allow requests, by a short name of each."""
    policies = {}
    for service in MICROSERVICES:
        if service.name not in versions_of(settings):
            continue
        callers = _callers(service, settings)
        entry = [ingress] if service.name == FRONT and ingress is not None else []
        waypoint = settings.waypoint_of(service.name)
        rule = _rule([*callers, *entry], settings, service)
        if waypoint is None:
            spec = AuthorizationPolicySpec(selector=_pods(service), rules=(rule,))
        else:
            spec = AuthorizationPolicySpec(target_refs=_targets(service, settings), rules=(rule,))
            # Any waypoint of the stack: a service may move from one to another. The gateway's
            # requests go to the pods until its Service's label is there.
            waypoints = [_account(each, settings) for each in settings.waypoints]
            proxies = _rule([*waypoints, *entry], settings)
            policies[f"{service.name}-waypoint"] = _policy(
                f"{service.name}-waypoint",
                settings,
                AuthorizationPolicySpec(selector=_pods(service), rules=(proxies,)),
            )
        policies[service.name] = _policy(f"{service.name}-viewer", settings, spec)
    return policies


def denials(settings: Settings) -> dict[str, AuthorizationPolicy]:
    """Return the policies that allow nothing, at all pods and at each waypoint, by name."""
    specs = {"allow-nothing": AuthorizationPolicySpec()}
    for waypoint in settings.waypoints:
        group = "gateway.networking.k8s.io"
        target = TargetRef(group=group, kind="Gateway", name=waypoint.name)
        specs[f"allow-nothing-{waypoint.name}"] = AuthorizationPolicySpec(target_refs=(target,))
    return {name: _policy(name, settings, spec) for name, spec in specs.items()}


def _policy(name: str, settings: Settings, spec: AuthorizationPolicySpec) -> AuthorizationPolicy:
    return AuthorizationPolicy(name=name, namespace=settings.bookinfo_namespace, spec=spec)


def _pods(service: Microservice) -> WorkloadSelector:
    return WorkloadSelector(match_labels={"app": service.name})


def _targets(service: Microservice, settings: Settings) -> tuple[TargetRef, ...]:
    """Return the Services of a service; the gateway may send requests to those of its versions."""
    names = [service.name]
    if service.name == FRONT and settings.routing_api == "gateway-api":
        names += [version_service(FRONT, each) for each in versions_of(settings)[FRONT]]
    return tuple(TargetRef(group="", kind="Service", name=name) for name in names)


def _callers(service: Microservice, settings: Settings) -> list[Account]:
    """Return the accounts of the services that call a service."""
    rows = [
        row(caller, version)
        for caller in MICROSERVICES
        for version in versions_of(settings).get(caller.name, ())
    ]
    # Versions share an account.
    accounts = dict.fromkeys(caller.account for caller in rows if service.name in caller.calls)
    return [(settings.bookinfo_namespace, account) for account in accounts]


def _account(waypoint: Waypoint, settings: Settings) -> Account:
    """Return the account that istiod creates for a waypoint, of the same name."""
    return settings.bookinfo_namespace, waypoint.name


def _rule(accounts: list[Account], settings: Settings, service: Microservice | None = None) -> Rule:
    """Return the rule that accounts match by their certificates, with the service's methods."""
    principals = tuple(
        f"{settings.trust_domain}/ns/{namespace}/sa/{account}" for namespace, account in accounts
    )
    # A database's protocol has no methods: a rule with one matches no request.
    has_methods = service is not None and not service.is_database
    return Rule(
        from_=(From(source=Source(principals=principals)),),
        to=(To(operation=Operation(methods=service.methods)),) if has_methods else None,
    )
