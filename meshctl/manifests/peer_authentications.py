"""PeerAuthentications: those that apply to a pod, and the mode of mutual TLS that they set."""

from collections.abc import Collection, Iterable, Mapping

from meshctl.manifests.manifest import Manifest, created, namespace_of
from meshctl.manifests.selection import selects

USUAL = "PERMISSIVE"
UNSET = ("", "UNSET")


def of_pod(
    policies: Iterable[Manifest],
    namespace: str,
    labels: Mapping[str, str],
    roots: Collection[str],
) -> list[Manifest]:
    """List those of a pod, the innermost first: its own, its namespace's, the mesh's.

    Of several on one level the oldest counts, and one with a selector in a root namespace is
    ignored (istio's pilot/pkg/security/authn/policy_applier.go).
    """
    levels: dict[int, Manifest] = {}
    for policy in sorted(policies, key=created):
        wanted = ((policy.get("spec") or {}).get("selector") or {}).get("matchLabels")
        place = namespace_of(policy)
        if place in roots:
            level = None if wanted else 2
        elif place == namespace and selects(wanted, labels):
            level = 0 if wanted else 1
        else:
            level = None
        if level is not None:
            levels.setdefault(level, policy)
    return [levels[level] for level in sorted(levels)]


def mode(found: Iterable[Manifest]) -> tuple[str, Manifest | None]:
    """Return the mode of a pod by its policies, and the one that sets it; None for the default."""
    for policy in found:
        said = ((policy.get("spec") or {}).get("mtls") or {}).get("mode", "")
        if said not in UNSET:
            return said, policy
    return USUAL, None
