"""Security of a service: the mode of mutual TLS, and whether policies refuse a caller."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from meshctl.manifests import istiod, peer_authentications
from meshctl.manifests.manifest import Manifest, name_of, namespace_of
from meshctl.manifests.selection import selects
from meshctl.topology.objects import Objects
from meshctl.topology.picture import ControlPlane, Mtls

BY_ACCOUNT = frozenset(
    {"principals", "notPrincipals", "namespaces", "notNamespaces", "serviceAccounts"}
)
"""The fields of a policy's source that a caller's account is compared with."""

MODES: Mapping[str, Mtls] = {
    "STRICT": "strict",
    "PERMISSIVE": "permissive",
    "DISABLE": "disable",
}


@dataclass(frozen=True, kw_only=True)
class Account:
    """The ServiceAccount by which a caller is known."""

    namespace: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Target:
    """The pods that requests go to, or the waypoint before them."""

    namespace: str
    labels: Mapping[str, str]
    """The labels of the pods."""
    names: frozenset[tuple[str, str]] = frozenset()
    """Kinds and names that a policy's targetRefs may have: a waypoint's and its Services'."""
    waypoint: Account | None = None
    """The waypoint's account, by which the pods know it; None for pods."""


def root_namespace(objects: Objects, planes: Sequence[ControlPlane]) -> str:
    """Return the namespace whose policies are for the whole mesh: MeshConfig's, else istiod's."""
    if not planes:
        return ""
    home = planes[0].namespace
    found = objects.get("ConfigMap", home, istiod.config_map(planes[0].revision))
    return istiod.root_namespace(found, home)


def mtls(objects: Objects, root: str, target: Target) -> Mtls:
    """Return the mode of mutual TLS: the pods' own, else the namespace's, else the mesh's."""
    policies = objects.of("PeerAuthentication")
    found = peer_authentications.of_pod(policies, target.namespace, target.labels, (root,))
    mode, _ = peer_authentications.mode(found)
    return MODES.get(mode, "permissive")


def is_closed(objects: Objects, root: str, target: Target) -> bool:
    """Return whether policies deny all requests that none of them allows."""
    return any(_action(policy) == "ALLOW" for policy in _policies(objects, root, target))


def refusal(objects: Objects, root: str, target: Target, caller: Account | None) -> str:
    """Return why a caller's requests are refused; empty if some of them are let in.

    Only the caller is compared: paths, methods and other conditions may refuse single requests.
    """
    policies = list(_policies(objects, root, target))
    for policy in policies:
        if _action(policy) == "DENY" and any(
            _is_for_all(rule) and _is_from(rule, caller) for rule in _rules(policy)
        ):
            return f"{name_of(policy)} denies it"
    allowing = [policy for policy in policies if _action(policy) == "ALLOW"]
    if not allowing or caller is None:
        return ""
    if any(_is_from(rule, caller) for policy in allowing for rule in _rules(policy)):
        return ""
    return "no policy allows it"


def _policies(objects: Objects, root: str, target: Target) -> Iterator[Manifest]:
    """List the policies that are enforced at pods, or at a waypoint."""
    for policy in objects.of("AuthorizationPolicy"):
        if namespace_of(policy) not in (root, target.namespace):
            continue
        spec = policy.get("spec") or {}
        one = spec.get("targetRef")
        references = [*(spec.get("targetRefs") or ()), *([one] if one else ())]
        if references:
            named = {(each["kind"], each["name"]) for each in references}
            if target.waypoint and named & target.names:
                yield policy
        elif not target.waypoint:
            selector = (spec.get("selector") or {}).get("matchLabels")
            if selects(selector, target.labels):
                yield policy


def _action(policy: Manifest) -> str:
    return (policy.get("spec") or {}).get("action", "ALLOW")


def _rules(policy: Manifest) -> list[dict[str, Any]]:
    return (policy.get("spec") or {}).get("rules") or []


def _is_for_all(rule: Mapping[str, Any]) -> bool:
    """Return whether a rule is for all requests of its callers, whatever token or address."""
    sources = [each.get("source") or {} for each in rule.get("from") or ()]
    by_account = all(source.keys() <= BY_ACCOUNT for source in sources)
    return by_account and not rule.get("to") and not rule.get("when")


def _is_from(rule: Mapping[str, Any], caller: Account | None) -> bool:
    """Return whether a caller may match a rule."""
    sources = [each.get("source") or {} for each in rule.get("from") or ()]
    return not sources or any(_matches(source, caller) for source in sources)


def _matches(source: Mapping[str, Any], caller: Account | None) -> bool:
    """Return whether a caller is one of a rule's sources."""
    if caller is None:
        return False
    identity = f"/ns/{caller.namespace}/sa/{caller.name}"
    account = f"{caller.namespace}/{caller.name}"

    def names(field: str, subject: str) -> bool:
        return any(fnmatchcase(subject, pattern) for pattern in source.get(field) or ())

    def names_principal(field: str) -> bool:
        # The trust domain is left out: all of the picture's accounts are in the mesh's own.
        patterns = [each[each.find("/ns/") :] if "/ns/" in each else each for each in source[field]]
        return any(fnmatchcase(identity, pattern) for pattern in patterns)

    accounts = source.get("serviceAccounts") or ()
    if accounts and not {account, caller.name} & {*accounts}:
        return False
    return (
        (not source.get("principals") or names_principal("principals"))
        and (not source.get("namespaces") or names("namespaces", caller.namespace))
        and not (source.get("notPrincipals") and names_principal("notPrincipals"))
        and not names("notNamespaces", caller.namespace)
    )
