"""Check of ServiceEntries: none contradicts another, or takes the host of a Service."""

from collections.abc import Iterator

from meshctl.manifests.manifest import Manifest, key, namespace_of
from meshctl.manifests.selection import is_public
from meshctl.verify.hosts import Hosts
from meshctl.verify.snapshot import Finding, Snapshot

CHECK = "service entry"


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Compare the ServiceEntries of each host, and look for a Service of its name."""
    hosts = Hosts.of(snapshot)
    first: dict[str, Manifest] = {}
    for entry in snapshot.service_entries:
        metadata = entry["metadata"]
        edit = (
            f"kubectl edit serviceentries.networking.istio.io {metadata['name']} "
            f"-n {metadata['namespace']}"
        )
        for host in entry["spec"].get("hosts") or ():
            other = first.setdefault(host, entry)
            if _resolution(other) != _resolution(entry) and _meet(other, entry):
                yield Finding(
                    check=CHECK,
                    subject=key(entry),
                    status="wrong",
                    found=f"resolves {host} by {_resolution(entry)}, and ServiceEntry "
                    f"{key(other)} by {_resolution(other)}: proxies use one of the two",
                    remedy=f"delete one, or limit where each is seen by exportTo: {edit}",
                )
            if hosts.service(host, metadata["namespace"]) is not None:
                yield Finding(
                    check=CHECK,
                    subject=key(entry),
                    status="warning",
                    found=f"has the host of a Service, {host}: its endpoints may replace the pods",
                    remedy=f"give it a host of its own: {edit}",
                )


def _resolution(entry: Manifest) -> str:
    return entry["spec"].get("resolution") or "NONE"


def _meet(one: Manifest, other: Manifest) -> bool:
    """Return whether some namespace sees both."""
    return is_public(one) or is_public(other) or bool(_places(one) & _places(other))


def _places(entry: Manifest) -> set[str]:
    """Return the namespaces that a ServiceEntry is exported to."""
    return {namespace_of(entry) if to == "." else to for to in entry["spec"].get("exportTo") or ()}
