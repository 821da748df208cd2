"""Check of mutual TLS: what DestinationRules let clients send is what servers accept."""

from collections.abc import Iterator, Sequence

from mesh.settings.labels import AMBIENT, DATAPLANE_MODE
from meshctl.sidecar_diff.live_pod import proxy_of
from meshctl.verify.hosts import Hosts
from meshctl.verify.selection import labels_of, pods_of
from meshctl.verify.snapshot import Finding, Manifest, Snapshot, key

MUTUAL = "ISTIO_MUTUAL"
UNSET = ("", "UNSET")


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Compare each DestinationRule's TLS mode with the mode of its host's pods."""
    hosts = Hosts.of(snapshot)
    roots = {istiod.control_plane_namespace or "" for istiod in snapshot.mesh.istiods}
    for rule in snapshot.destination_rules:
        namespace, name = rule["metadata"]["namespace"], rule["metadata"]["name"]
        tls = (rule["spec"].get("trafficPolicy") or {}).get("tls") or {}
        sent = tls.get("mode", "DISABLE") if tls else ""
        service = hosts.service(rule["spec"]["host"], namespace)
        if not sent or service is None:
            continue
        for pod in pods_of(service, snapshot.pods):
            mode, by = (
                _mode(pod, snapshot.peer_authentications, roots)
                if proxy_of(pod["spec"]) or _is_ambient(pod, snapshot)
                else ("DISABLE", "having no proxy")
            )
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


def _mode(pod: Manifest, policies: Sequence[Manifest], roots: set[str]) -> tuple[str, str]:
    """Return what a pod accepts, and the PeerAuthentication that says so.

    Of its own, its namespace's and the mesh's the innermost wins. One that differs by port says
    nothing of the host as a whole.
    """
    home = pod["metadata"]["namespace"]
    ranked: dict[int, Manifest] = {}
    for policy in policies:
        spec, namespace = policy.get("spec") or {}, policy["metadata"]["namespace"]
        labels = (spec.get("selector") or {}).get("matchLabels") or {}
        is_own = labels and namespace == home and labels.items() <= labels_of(pod).items()
        if is_own and spec.get("portLevelMtls"):
            return "", ""
        if (spec.get("mtls") or {}).get("mode", "") in UNSET:
            continue
        if is_own:
            ranked[0] = policy
        elif not labels and namespace == home:
            ranked[1] = policy
        elif not labels and namespace in roots:
            ranked[2] = policy
    if not ranked:
        return "PERMISSIVE", "default"
    policy = ranked[min(ranked)]
    return policy["spec"]["mtls"]["mode"], f"PeerAuthentication {key(policy)}"
