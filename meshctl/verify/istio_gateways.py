"""Checks of Istio's Gateways: the pods that they select, and the TLS Secrets beside those pods."""

from collections.abc import Iterator, Sequence

from mesh.istio import gateway_names
from meshctl.manifests.manifest import Manifest, key, labels_of, namespace_of
from meshctl.manifests.selection import selects
from meshctl.verify.hosts import elsewhere, is_whole
from meshctl.verify.snapshot import Finding, Snapshot, selector

CHECK = "gateway"


def named_secrets(gateways: Sequence[Manifest], pods: Sequence[Manifest]) -> set[str]:
    """Return where the Secrets of all Gateways may be: beside the pods, and beside the Gateway."""
    return {
        f"{namespace}/{name}"
        for gateway in gateways
        if gateway["spec"].get("selector")  # else it is for every proxy, in any namespace
        for homes in ([gateway["metadata"]["namespace"], *_homes(gateway, pods)],)
        for credential in _credentials(gateway)
        for namespace, name in (_place(credential, home) for home in homes)
    }


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Check that each Gateway selects a pod: else no proxy listens for it."""
    bound = {
        "/".join(gateway_names.full(name, namespace_of(route)))
        for route in snapshot.virtual_services
        for name in route["spec"].get("gateways") or ()
    }
    for gateway in snapshot.gateways:
        if _homes(gateway, snapshot.pods):
            continue
        wanted = gateway["spec"].get("selector") or {}
        found = f"its selector {selector(wanted)} selects no pod: no proxy listens for it"
        has_routes = key(gateway) in bound
        finding = Finding(
            check=CHECK,
            subject=key(gateway),
            # Nobody's requests fail for a Gateway that nobody uses.
            status="wrong" if has_routes else "warning",
            found=found if has_routes else f"{found}, and no VirtualService names it",
            remedy="select the labels of a gateway's pods (kubectl get pods -A -l istio "
            f"--show-labels): {_edit(gateway)}",
        )
        yield elsewhere(finding, is_whole=is_whole(snapshot))


def secrets(snapshot: Snapshot) -> Iterator[Finding]:
    """Check that each TLS Secret is in the namespace of the pods: a proxy reads no other."""
    for gateway in snapshot.gateways:
        if not gateway["spec"].get("selector"):
            continue  # it is for every proxy: which of them is to serve it isn't said
        homes = _homes(gateway, snapshot.pods)
        for credential in _credentials(gateway):
            for namespace, name in dict.fromkeys(_place(credential, home) for home in homes):
                if f"{namespace}/{name}" not in snapshot.secrets | snapshot.unread_secrets:
                    yield _missing(gateway, name, namespace, snapshot)


def _missing(gateway: Manifest, name: str, home: str, snapshot: Snapshot) -> Finding:
    own = gateway["metadata"]["namespace"]
    found = f"there is no TLS Secret {name} in namespace {home}, where the gateway's pods are"
    remedy = (
        f"create it: kubectl create secret tls {name} -n {home} --cert=FILE --key=FILE "
        "(docs/https.md)"
    )
    if f"{own}/{name}" in snapshot.secrets:
        found += f"; it is in namespace {own}, where no gateway reads it"
        remedy = f"create it in namespace {home} instead of {own} (docs/https.md)"
    return Finding(check=CHECK, subject=key(gateway), status="wrong", found=found, remedy=remedy)


def _credentials(gateway: Manifest) -> list[str]:
    """List the Secrets that a Gateway's servers name, each once."""
    names = [
        name
        for server in gateway["spec"].get("servers") or ()
        for tls in (server.get("tls") or {},)
        for name in (tls.get("credentialName"), *(tls.get("credentialNames") or ()))
        # Other forms than a Secret's name: istiod's own files, and ConfigMaps.
        if name and "://" not in name
    ]
    return list(dict.fromkeys(names))


def _place(credential: str, home: str) -> tuple[str, str]:
    """Return a Secret's namespace and name; without a namespace it is beside the pods."""
    namespace, _, name = credential.rpartition("/")
    return namespace or home, name


def _homes(gateway: Manifest, pods: Sequence[Manifest]) -> list[str]:
    """List the namespaces of the pods that a Gateway selects: of any, unless istiod is told to."""
    wanted = gateway["spec"].get("selector")
    return sorted({namespace_of(pod) for pod in pods if selects(wanted, labels_of(pod))})


def _edit(gateway: Manifest) -> str:
    metadata = gateway["metadata"]
    return (
        f"kubectl edit gateways.networking.istio.io {metadata['name']} -n {metadata['namespace']}"
    )
