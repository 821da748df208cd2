"""Check of mutual TLS: what DestinationRules let clients send is what servers accept."""

from collections.abc import Iterator

from mesh.settings.labels import AMBIENT, DATAPLANE_MODE
from meshctl.manifests import peer_authentications
from meshctl.manifests.manifest import Manifest, key, labels_of, namespace_of
from meshctl.manifests.selection import pods_of
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.verify.hosts import Hosts
from meshctl.verify.snapshot import Finding, Snapshot

MUTUAL = "ISTIO_MUTUAL"


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Compare each DestinationRule's TLS mode with the mode of its host's pods."""
    hosts = Hosts.of(snapshot)
    for rule in snapshot.destination_rules:
        namespace, name = rule["metadata"]["namespace"], rule["metadata"]["name"]
        tls = (rule["spec"].get("trafficPolicy") or {}).get("tls") or {}
        sent = tls.get("mode", "DISABLE") if tls else ""
        service = hosts.service(rule["spec"]["host"], namespace)
        if not sent or service is None:
            continue
        for pod in pods_of(service, snapshot.pods):
            mode, by = _accepted(pod, snapshot)
            refused = sent != MUTUAL if mode == "STRICT" else sent == MUTUAL and mode == "DISABLE"
            if refused:
                yield Finding(
                    check="mtls",
                    subject=key(rule),
                    status="wrong",
                    found=f"clients of {rule['spec']['host']} send with TLS mode {sent}, and its "
                    f"pods accept by {by} {mode} only: requests fail",
                    remedy=f"take trafficPolicy.tls out of the DestinationRule, so that Istio "
                    f"chooses: kubectl edit destinationrules.networking.istio.io {name} "
                    f"-n {namespace}",
                )
                break


def _is_ambient(pod: Manifest, snapshot: Snapshot) -> bool:
    """Return whether ztunnel carries a pod's traffic; its own label wins over its namespace's."""
    own = labels_of(pod).get(DATAPLANE_MODE)
    return own == AMBIENT or (
        not own and pod["metadata"]["namespace"] in snapshot.mesh.ambient_namespaces
    )


def _accepted(pod: Manifest, snapshot: Snapshot) -> tuple[str, str]:
    """Return the TLS mode that a pod accepts, and why; empty if it differs by port."""
    if not proxy_of(pod["spec"]) and not _is_ambient(pod, snapshot):
        return "DISABLE", "having no proxy"
    policies = peer_authentications.of_pod(
        snapshot.peer_authentications,
        namespace_of(pod),
        labels_of(pod),
        snapshot.root_namespaces,
    )
    # That of a whole namespace or mesh has no modes by port.
    specs = [each.get("spec") or {} for each in policies]
    if any(spec.get("selector") and spec.get("portLevelMtls") for spec in specs):
        return "", ""
    mode, policy = peer_authentications.mode(policies)
    return mode, f"PeerAuthentication {key(policy)}" if policy else "default"
