"""Sentences about the routes and the policies of a mesh."""

from collections.abc import Iterator, Sequence

from meshctl.manifests.manifest import Manifest, name_of, namespace_of
from meshctl.topology.objects import Objects
from meshctl.topology.picture import Picture, Service

OTHERS, COPY = "others", "copy of "
FAULTS = ("delay ", "abort ")


def of_routes(picture: Picture) -> Iterator[str]:
    """Say which requests each version gets, of services with rules; and which calls are refused."""
    for service in picture.services:
        if any(route.rules for route in service.routes):
            yield _of_service(service)
        elif len(service.versions) > 1:
            names = _listed([route.version for route in service.routes])
            yield f"Requests for {service.name} go to {names} in turn."
    for call in picture.calls:
        if call.refusal:
            caller = " ".join(filter(None, (call.caller, call.version)))
            yield f"Requests of {caller} to {call.service} are refused: {call.refusal}."


def of_policies(objects: Objects) -> Iterator[str]:
    """Say what each policy of mutual TLS and of authorization does."""
    for policy in objects.of("PeerAuthentication"):
        mode = ((policy.get("spec") or {}).get("mtls") or {}).get("mode") or "the one above it"
        yield f"{_title(policy)}: mutual TLS has the mode {mode}{_scope(policy)}."
    for policy in objects.of("AuthorizationPolicy"):
        yield f"{_title(policy)}{_scope(policy)}: {_effect(policy)}."


def _of_service(service: Service) -> str:
    parts = [
        f"{route.version} gets {_listed([_said(rule) for rule in route.rules]) or 'all'}"
        for route in service.routes
    ]
    return f"Of the requests for {service.name}, {'; '.join(parts)}."


def _said(rule: str) -> str:
    """Return a rule of a picture in words, such as `others: 90 %, delay 7s`."""
    who, _, what = rule.rpartition(": ")
    if not who and not _is_done(what):
        who, what = what, ""
    share, _, faults = what.partition(", ")
    if share.startswith(FAULTS):
        share, faults = "", what
    share = f"a {share}" if share.startswith(COPY) else share
    whose = "all others" if who == OTHERS else who and f"those with {who}"
    said = " of ".join(filter(None, (share, whose))) or "all"
    return f"{said} ({faults})" if faults else said


def _is_done(text: str) -> bool:
    """Return whether a rule says what is done with requests, and not which ones."""
    return text.startswith((COPY, *FAULTS)) or text.partition(", ")[0].endswith("%")


def _title(policy: Manifest) -> str:
    return f"{policy['kind']} {namespace_of(policy)}/{name_of(policy)}"


def _scope(policy: Manifest) -> str:
    """Return what a policy is for, if it isn't for a whole namespace or mesh."""
    spec = policy.get("spec") or {}
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    targets = [f"{each['kind']} {each['name']}" for each in spec.get("targetRefs") or ()]
    named = [*(f"{key}={value}" for key, value in labels.items()), *targets]
    return f" for {_listed(named)}" if named else ""


def _effect(policy: Manifest) -> str:
    spec = policy.get("spec") or {}
    action, rules = spec.get("action") or "ALLOW", spec.get("rules") or ()
    if not rules:
        return "nothing is allowed" if action == "ALLOW" else f"{action} without rules: no effect"
    callers = list(dict.fromkeys(name for rule in rules for name in _callers(rule)))
    return f"{action} requests of {_listed(callers)}" if callers else f"{action} by its rules"


def _callers(rule: Manifest) -> Iterator[str]:
    for source in rule.get("from") or ():
        found = source.get("source") or {}
        for principal in found.get("principals") or ():
            yield f"account {principal.rpartition('/')[2]}"
        for namespace in found.get("namespaces") or ():
            yield f"namespace {namespace}"


def _listed(names: Sequence[str]) -> str:
    *first, last = names or ("",)
    return f"{', '.join(first)} and {last}" if first else last
