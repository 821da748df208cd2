"""Check of policies: each selects at least one pod, or names an existing Service."""

from collections.abc import Iterator

from meshctl.manifests.manifest import Manifest, key, labels_of, namespace_of
from meshctl.manifests.selection import selects
from meshctl.verify.snapshot import Finding, Snapshot, selector


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Warn of AuthorizationPolicies and PeerAuthentications that apply to nothing."""
    services = {key(service) for service in snapshot.services}
    for kind, plural, policies in (
        ("AuthorizationPolicy", "authorizationpolicies", snapshot.authorization_policies),
        ("PeerAuthentication", "peerauthentications", snapshot.peer_authentications),
    ):
        for policy in policies:
            namespace, name = policy["metadata"]["namespace"], policy["metadata"]["name"]
            why = _why_nothing(policy, snapshot, services)
            if kind == "PeerAuthentication":
                why = why or _why_ignored(policy, snapshot)
            if why:
                yield Finding(
                    check="policy",
                    subject=key(policy),
                    status="warning",
                    found=f"{kind} applies to nothing: {why}",
                    remedy="correct what it selects, or delete it: kubectl edit "
                    f"{plural}.security.istio.io {name} -n {namespace}",
                )


def _why_nothing(policy: Manifest, snapshot: Snapshot, services: set[str]) -> str:
    """Return why a policy applies to nothing; empty if it applies to something."""
    spec = policy.get("spec") or {}
    namespace = policy["metadata"]["namespace"]
    targets = [*(spec.get("targetRefs") or ()), *filter(None, [spec.get("targetRef")])]
    gone = [
        each["name"]
        for each in targets
        if each["kind"] == "Service" and f"{namespace}/{each['name']}" not in services
    ]
    if gone and len(gone) == len(targets):
        return f"there is no Service {', '.join(gone)} in its namespace"
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    selected = any(
        selects(labels, labels_of(pod))
        for pod in snapshot.pods
        if namespace in (namespace_of(pod), *snapshot.root_namespaces)
    )
    if labels and not selected:
        return f"no pod has the labels {selector(labels)}"
    return ""


def _why_ignored(policy: Manifest, snapshot: Snapshot) -> str:
    """Return why istiod ignores a PeerAuthentication; empty if it doesn't."""
    is_for_some = ((policy.get("spec") or {}).get("selector") or {}).get("matchLabels")
    if is_for_some and namespace_of(policy) in snapshot.root_namespaces:
        return "one in a root namespace is ignored if it selects pods"
    return ""
