"""The rule that an app stack has no wildcard hosts at the shared gateway."""

from collections.abc import Iterator, Sequence

from policy.rule import Object, Options, Rule, Stack, Violation, kind

ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute")


def _hosts(thing: Object) -> Iterator[str]:
    """Yield the hosts that an object asks for; no host means every host, *."""
    spec = thing.get("spec") or {}
    match kind(thing):
        case ("networking.istio.io", "VirtualService"):
            yield from spec.get("hosts") or []
        case ("networking.istio.io", "Gateway"):
            for server in spec.get("servers") or []:
                yield from server.get("hosts") or []
        case ("gateway.networking.k8s.io", "Gateway"):
            yield from (each.get("hostname") or "*" for each in spec.get("listeners") or [])
        case ("gateway.networking.k8s.io", name) if name in ROUTES:
            # A route between services has a Service as its parent, and no host.
            parents = spec.get("parentRefs") or []
            if any(parent.get("kind", "Gateway") == "Gateway" for parent in parents):
                yield from spec.get("hostnames") or ["*"]


def _no_wildcard(objects: Sequence[Object], stack: Stack, _: Options) -> Iterator[Violation]:
    if not stack.is_app:
        return
    for each in objects:
        for host in _hosts(each):
            # Istio also has the form namespace/host, in which the namespace may be *.
            if "*" in host.rpartition("/")[2]:
                yield Violation(object=each, got=f"host {host}")


NO_WILDCARD = Rule(
    name="no-wildcard-hosts-in-app-stacks",
    level="mandatory",
    says="A stack with mode app asks the gateway for hosts by their full names",
    reason="a wildcard takes the requests of the other stacks at the same gateway",
    remedy="set bookinfoHost to a full name that only this stack uses",
    check=_no_wildcard,
)
