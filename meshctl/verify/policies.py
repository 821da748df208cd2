"""Check of policies: each selects at least one pod, or names an existing Service."""

from collections.abc import Iterator

from meshctl.verify.selection import labels_of
from meshctl.verify.snapshot import Finding, Manifest, Snapshot, key, selector


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Warn of AuthorizationPolicies and PeerAuthentications that apply to nothing."""
    roots = {istiod.control_plane_namespace for istiod in snapshot.mesh.istiods}
    services = {key(service) for service in snapshot.services}
    for kind, plural, policies in (
        ("AuthorizationPolicy", "authorizationpolicies", snapshot.authorization_policies),
        ("PeerAuthentication", "peerauthentications", snapshot.peer_authentications),
    ):
        for policy in policies:
            namespace, name = policy["metadata"]["namespace"], policy["metadata"]["name"]
            why = _why_nothing(policy, snapshot, services, is_root=namespace in roots)
            if why:
                yield Finding(
                    check="policy",
                    subject=key(policy),
                    status="warning",
                    found=f"{kind} applies to nothing: {why}",
                    remedy="correct what it selects, or delete it: kubectl edit "
                    f"{plural}.security.istio.io {name} -n {namespace}",
                )


def _why_nothing(policy: Manifest, snapshot: Snapshot, services: set[str], *, is_root: bool) -> str:
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
        labels.items() <= labels_of(pod).items()
        for pod in snapshot.pods
        if is_root or pod["metadata"]["namespace"] == namespace
    )
    if labels and not selected:
        return f"no pod has the labels {selector(labels)}"
    return ""
