"""Routes of a service: the versions that its requests and their copies are sent to, and why."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mesh import redaction
from meshctl.manifests.hosts import covers, full, of_service
from meshctl.manifests.manifest import Manifest, created, namespace_of
from meshctl.manifests.selection import is_exported, is_public
from meshctl.topology.objects import Objects
from meshctl.topology.picture import Route

MESH = "mesh"
"""The name in a VirtualService's `gateways` for all sidecars."""
OTHERS = "others"
Rule = Mapping[str, Any]
Resolve = Callable[[str, str], Sequence[str]]
"""Returns the versions that a full host and its subset stand for."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules for the requests to a service, from the gateway or from inside the mesh."""

    rules: tuple[Rule, ...]
    namespace: str
    """The namespace of the route: short hosts are of it."""
    domain: str
    is_gateway_api: bool = False

    @classmethod
    def of(cls, route: Manifest, domain: str) -> "Rules":
        """Return those of a VirtualService or an HTTPRoute."""
        spec = route["spec"]
        is_gateway_api = route["kind"] == "HTTPRoute"
        kinds = ("rules",) if is_gateway_api else ("http", "tls", "tcp")
        return cls(
            rules=tuple(rule for kind in kinds for rule in spec.get(kind) or ()),
            namespace=namespace_of(route),
            domain=domain,
            is_gateway_api=is_gateway_api,
        )

    def host(self, destination: Mapping[str, Any]) -> str:
        """Return the full host of a destination, or of a backend of the Gateway API."""
        if not self.is_gateway_api:
            return full(destination["host"], self.namespace, self.domain)
        if destination.get("kind") == "Hostname":  # Istio's own extension, for ServiceEntries
            return destination["name"]
        home = destination.get("namespace") or self.namespace
        return of_service(destination["name"], home, self.domain)

    def hosts(self, rule: Rule) -> list[str]:
        """List the full hosts that a rule sends requests to."""
        return [
            *(self.host(each) for each in rule.get("backendRefs") or ()),
            *(self.host(each["destination"]) for each in rule.get("route") or ()),
        ]


def within(objects: Objects, namespace: str, service: str) -> Rules | None:
    """Return the rules for requests from inside the namespace; None if there are none."""
    for route in objects.of("HTTPRoute", namespace):
        parents = route["spec"].get("parentRefs") or ()
        if any(each.get("kind") == "Service" and each["name"] == service for each in parents):
            return Rules.of(route, objects.domain)
    host = of_service(service, namespace, objects.domain)
    found = [
        (named, route)
        for route in seen(objects.of("VirtualService"), namespace)
        if MESH in (route["spec"].get("gateways") or (MESH,))
        for each in route["spec"].get("hosts") or ()
        if covers(named := full(each, namespace_of(route), objects.domain), host)
    ]
    # The most specific host counts, and of routes with the same one the first.
    _, best = max(found, key=lambda each: (each[0] == host, len(each[0])), default=("", None))
    return Rules.of(best, objects.domain) if best else None


def seen(found: Sequence[Manifest], namespace: str) -> list[Manifest]:
    """List the routes or rules that a namespace's proxies see, as Istio prefers them."""
    exported = (each for each in found if is_exported(each, namespace))
    return sorted(
        exported,
        key=lambda each: (is_public(each), namespace_of(each) != namespace, created(each)),
    )


def from_gateway(found: Rules, is_own: Callable[[str], bool]) -> Rules:
    """Return those of a gateway's rules that send requests to a service's hosts."""
    rules = tuple(rule for rule in found.rules if any(map(is_own, found.hosts(rule))))
    return replace(found, rules=rules)


def destinations(route: Manifest, domain: str) -> list[str]:
    """List the full hosts that a route sends requests to."""
    found = Rules.of(route, domain)
    return [host for rule in found.rules for host in found.hosts(rule)]


def routes(found: Rules | None, versions: Sequence[str], resolve: Resolve) -> tuple[Route, ...]:
    """Return a route to each version that requests are sent to, with the rules for it."""
    if found is None:
        return tuple(Route(version=version) for version in versions)
    sent: dict[tuple[bool, str], list[tuple[str, str]]] = {}
    by_path = len({_paths(rule) for rule in found.rules}) > 1
    whos: list[str] = []
    for rule in found.rules:
        whos.append(_who(rule, with_paths=by_path))
        named = whos[-1] or (OTHERS if len(whos) > 1 else "")
        for is_mirror, host, subset, what in _sends(rule, found):
            for version in resolve(host, subset):
                sent.setdefault((is_mirror, version), []).append((named, what))
        if not whos[-1]:
            break  # no request reaches the rules that follow
    # Then each request gets one of the rules.
    count = 0 if all(whos) else len(whos)
    return tuple(
        Route(version=version, is_mirror=is_mirror, rules=_said(sent[is_mirror, version], count))
        for is_mirror in (False, True)
        for version in versions
        if (is_mirror, version) in sent
    )


def _said(rules: Sequence[tuple[str, str]], count: int) -> tuple[str, ...]:
    """Say who is sent to a version, and what is done; what all rules do is said once."""
    whats = {what for _, what in rules}
    if len(rules) == count and len(whats) == 1:
        return tuple(filter(None, whats))
    said = (f"{who}: {what}" if who and what else who or what for who, what in rules)
    return tuple(dict.fromkeys(filter(None, said)))


def _sends(rule: Rule, found: Rules) -> Iterator[tuple[bool, str, str, str]]:
    """List a rule's destinations: whether it gets copies, host, subset, and what is done."""
    for (host, subset), share in _shares(rule, found).items():
        percent = f"{share:g} %" if share < 100 else ""
        yield False, host, subset, ", ".join(filter(None, (percent, *_faults(rule))))
    for host, subset, percent in _mirrors(rule, found):
        yield True, host, subset, f"copy of {percent:g} %" if percent < 100 else "copy of all"


def _shares(rule: Rule, found: Rules) -> dict[tuple[str, str], float]:
    """Return the percentage of each destination that gets requests."""
    if found.is_gateway_api:
        backends = rule.get("backendRefs") or ()
        ones = [((found.host(each), ""), each.get("weight", 1)) for each in backends]
    else:
        ones = [
            ((found.host(to), to.get("subset", "")), each)
            for each in rule.get("route") or ()
            for to in [each["destination"]]
        ]
        alone = len(ones) == 1
        ones = [(to, 100 if alone else each.get("weight", 0)) for to, each in ones]
    total = sum(weight for _, weight in ones) or 1
    return {to: round(100 * weight / total, 1) for to, weight in ones if weight}


def _mirrors(rule: Rule, found: Rules) -> Iterator[tuple[str, str, float]]:
    """List the destinations of copies, each with the percentage of requests that is copied."""
    if found.is_gateway_api:
        for each in rule.get("filters") or ():
            if mirror := each.get("requestMirror"):
                yield found.host(mirror["backendRef"]), "", mirror.get("percent", 100)
        return
    one = rule.get("mirror")
    mirrors: list[Rule] = list(rule.get("mirrors") or ())
    if one:
        mirrors.append({"destination": one, "percentage": rule.get("mirrorPercentage")})
    for each in mirrors:
        to, percent = each["destination"], (each.get("percentage") or {}).get("value", 100)
        yield found.host(to), to.get("subset", ""), percent


def _who(rule: Rule, *, with_paths: bool) -> str:
    """Say which requests a rule is for; empty for all."""
    matches = rule.get("matches") or rule.get("match") or ()
    said = [
        redaction.text(", ".join(_conditions(match, with_paths=with_paths))) for match in matches
    ]
    return "" if not all(said) else " or ".join(dict.fromkeys(said))


def _conditions(match: Mapping[str, Any], *, with_paths: bool) -> Iterator[str]:
    headers = match.get("headers") or {}
    if isinstance(headers, Mapping):
        for name, value in headers.items():
            yield f"{name}={_shown(name, _value(value))}"
    else:
        for each in headers:
            yield f"{each['name']}={_shown(each['name'], each.get('value', ''))}"
    if method := match.get("method"):
        yield method if isinstance(method, str) else _value(method)
    for name, value in (match.get("sourceLabels") or {}).items():
        yield f"from {name}={value}"
    if with_paths and (path := match.get("uri") or match.get("path")):
        yield path.get("value") or _value(path)


def _shown(header: str, value: str) -> str:
    """Return a header's value, unless it is a credential."""
    return redaction.SECRET if redaction.is_credential(header) else value


def _value(match: Mapping[str, str]) -> str:
    """Return the text of a StringMatch, such as {exact: jason}."""
    if "prefix" in match:
        return f"{match['prefix']}…"
    return next(iter(match.values()), "any")


def _paths(rule: Rule) -> tuple[str, ...]:
    matches = rule.get("matches") or rule.get("match") or ()
    return tuple(str(match.get("uri") or match.get("path") or "") for match in matches)


def _faults(rule: Rule) -> Iterator[str]:
    fault = rule.get("fault") or {}
    if delay := fault.get("delay"):
        yield f"delay {delay.get('fixedDelay', '')}{_some(delay)}"
    if abort := fault.get("abort"):
        yield f"abort {abort.get('httpStatus') or abort.get('grpcStatus', '')}{_some(abort)}"


def _some(fault: Mapping[str, Any]) -> str:
    """Return how many of the requests get a fault; empty for all of them."""
    percent = (fault.get("percentage") or {}).get("value", 0 if "percentage" in fault else 100)
    return f" for {percent:g} %" if percent < 100 else ""


def subset(objects: Objects, namespace: str, host: str, name: str) -> Mapping[str, str] | None:
    """Return the labels of a DestinationRule's subset; None if there is no such subset."""
    for rule in seen(objects.of("DestinationRule"), namespace):
        spec = rule["spec"]
        if covers(full(spec["host"], namespace_of(rule), objects.domain), host):
            for each in spec.get("subsets") or ():
                if each["name"] == name:
                    return each.get("labels") or {}
    return None
