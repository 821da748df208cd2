"""Check of Services' ports: Istio knows the protocol that a port's name or appProtocol says."""

import difflib
from collections.abc import Iterator
from typing import Any

from meshctl.manifests.manifest import key
from meshctl.verify.snapshot import Finding, Snapshot

PROTOCOLS = (
    *("http", "http2", "https", "grpc", "grpc-web", "tcp", "tls", "udp"),
    *("mongo", "mysql", "redis", "http_proxy", "hbone"),
)
"""The protocols that Istio knows (istio's pkg/config/protocol/instance.go), in its order here."""
KUBERNETES = ("kubernetes.io/h2c", "kubernetes.io/ws", "kubernetes.io/wss")
"""Values of appProtocol that Kubernetes defines."""
TCP = (25, 53, 3306, 27017)
"""Ports that Istio takes for TCP whatever they are named (istio's pkg/config/kube)."""
STATUS = 15021
"""The port of a gateway's own readiness, which Istio's charts name status-port."""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Warn of ports in the mesh's namespaces whose protocol Istio has to guess."""
    joined = {*snapshot.mesh.revision_by_namespace, *snapshot.mesh.ambient_namespaces}
    for service in snapshot.services:
        if service["metadata"]["namespace"] not in joined:
            continue
        unknown = [each for port in service["spec"].get("ports") or () if (each := _unknown(port))]
        if not unknown:
            continue
        metadata = service["metadata"]
        yield Finding(
            check="port",
            subject=key(service),
            status="warning",
            found=f"Istio knows no protocol {' or '.join(unknown)}: it guesses from the first "
            "bytes, and routes for HTTP may not apply",
            remedy="name the port PROTOCOL or PROTOCOL-SUFFIX, such as http-web, or set its "
            f"appProtocol: kubectl edit service {metadata['name']} -n {metadata['namespace']}",
        )


def _unknown(port: dict[str, Any]) -> str:
    """Return what a port says if Istio doesn't know it, with the number; empty if it does."""
    said = str(port.get("appProtocol") or port.get("name") or "")
    known = said.partition("-")[0].lower() in PROTOCOLS or said.lower().startswith("grpc-web")
    # Without a name it says nothing, as most Services with a single port.
    if not said or known or said in KUBERNETES or port.get("protocol", "TCP") != "TCP":
        return ""
    if port["port"] in (*TCP, STATUS):
        return ""
    near = difflib.get_close_matches(said.partition("-")[0].lower(), PROTOCOLS, n=1, cutoff=0.75)
    meant = f", did you mean {near[0]}?" if near else ""
    return f"{said!r} (port {port['port']}{meant})"
