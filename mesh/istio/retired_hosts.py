"""Hosts that Istio retires, and their replacements (Istio 1.31's upgrade notes)."""

from collections.abc import Mapping

SHUT_DOWN = "the last test without them is on 8 and 9 December 2026"
RETIRED: Mapping[str, str] = {
    "registry.istio.io": "docker.io/istio",
    "gcr.io/istio-release": "docker.io/istio",
    "istio-release.storage.googleapis.com": "blob.istio.io/istio-release, or as OCI charts "
    "oci://ghcr.io/istio/release/charts",
}
"""The replacements, by host or by host and path."""


def named_in(text: str) -> list[str]:
    """List the retired hosts that a text contains."""
    return [host for host in RETIRED if host in text]
