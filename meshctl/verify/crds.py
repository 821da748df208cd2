"""Check of Istio's CRDs: the cluster serves the kinds that its newest istiod watches."""

from collections.abc import Iterator, Mapping

from mesh.istio import versions
from meshctl.verify.snapshot import Finding, Snapshot

GROUPS = (
    "extensions.istio.io",
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
)
SINCE: Mapping[str, tuple[int, int]] = {
    "destinationrules.networking.istio.io/v1": (1, 22),
    "gateways.networking.istio.io/v1": (1, 22),
    "serviceentries.networking.istio.io/v1": (1, 22),
    "virtualservices.networking.istio.io/v1": (1, 22),
    "authorizationpolicies.security.istio.io/v1": (1, 22),
    "peerauthentications.security.istio.io/v1": (1, 22),
    "telemetries.telemetry.istio.io/v1": (1, 22),
    "trafficextensions.extensions.istio.io/v1alpha1": (1, 30),
}
"""Kinds by the minor of Istio that first ships them: those by which an older set is recognised."""


def check(snapshot: Snapshot, update: str) -> Iterator[Finding]:
    """Compare what the cluster serves with the newest istiod; `update` brings newer CRDs."""
    running = [
        (parsed, istiod.version)
        for istiod in snapshot.mesh.istiods
        if istiod.version and (parsed := versions.parse(istiod.version))
    ]
    if not running:
        return
    newest, version = max(running)
    lacking = [
        kind
        for kind, since in SINCE.items()
        if since <= newest[:2] and kind not in snapshot.istio_apis
    ]
    if lacking:
        yield Finding(
            check="crds",
            subject="Istio's CRDs",
            status="wrong",
            found=f"are of an older release than istiod {version}: the cluster doesn't serve "
            f"{', '.join(lacking)}",
            remedy=update,
        )
    elif newest[:2] >= min(SINCE.values()):
        yield Finding(
            check="crds",
            subject="Istio's CRDs",
            status="ok",
            found=f"have the kinds of istiod {version}",
        )
