"""Istio's charts in an OCI registry, for when no archive of the release can be reached."""

import hashlib
import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from sandbox import downloads
from sandbox.cache import ToolchainError

REGISTRY = "https://ghcr.io"
REPOSITORY = "istio/release/charts"
"""The repository of Istio's charts, from Istio 1.31's upgrade notes."""
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
MOST_BYTES = 8 * 2**20
"""More than ten times Istio's largest packed chart."""
FOLDERS: Mapping[str, str] = {
    "base": "base",
    "istiod": "istio-control/istio-discovery",
    "gateway": "gateway",
    "cni": "istio-cni",
    "ztunnel": "ztunnel",
}
"""Each chart's folder in a release's archive."""


def get(version: str, release: Path, registry: str = REGISTRY) -> str:
    """Fill a release's folder with its charts, and return where they came from.

    Raises httpx2.HTTPError when a chart can't be downloaded, ToolchainError when it isn't what its
    digest says.
    """
    with httpx2.Client(base_url=registry, follow_redirects=True, timeout=30) as client:
        for name, folder in FOLDERS.items():
            packed = _chart(client, f"{REPOSITORY}/{name}", version)
            try:
                chart = release / "manifests" / "charts" / folder
                downloads.unpack(io.BytesIO(packed), chart)
            except tarfile.TarError as error:
                raise ToolchainError(
                    f"{registry}/{REPOSITORY}/{name}:{version} can't be unpacked: {error}"
                ) from error
    return f"the OCI charts {registry.partition('://')[2]}/{REPOSITORY}, without samples"


def _chart(client: httpx2.Client, name: str, version: str) -> bytes:
    """Download a chart's archive: the manifest by its tag, and what it names by its digest."""
    url = f"/v2/{name}/manifests/{version}"
    headers = {"Accept": MANIFEST}
    answer = client.get(url, headers=headers)
    if answer.status_code == httpx2.codes.UNAUTHORIZED:
        # Registries want a token also of those who may read without credentials.
        headers["Authorization"] = f"Bearer {_token(client, answer)}"
        answer = client.get(url, headers=headers)
    manifest = answer.raise_for_status()
    if (digest := manifest.headers.get("Docker-Content-Digest")) is not None:
        _verify(manifest.content, digest, manifest.url)
    try:
        layers: list[dict[str, Any]] = manifest.json().get("layers") or []
    except ValueError as error:  # such as a proxy's page
        raise httpx2.DecodingError(f"{manifest.url} is no manifest") from error
    layer = next((each for each in layers if each.get("mediaType") == CHART), None)
    if layer is None:
        raise ToolchainError(f"{manifest.url} has no Helm chart, so it isn't used")
    packed = b""
    with client.stream("GET", f"/v2/{name}/blobs/{layer['digest']}", headers=headers) as blob:
        blob.raise_for_status()
        for chunk in blob.iter_bytes():
            packed += chunk
            if len(packed) > MOST_BYTES:
                raise ToolchainError(
                    f"{blob.url} is larger than {MOST_BYTES / 2**20:.0f} MiB, which no chart of "
                    "Istio is: it isn't used. Check which server answers for that host name."
                )
    _verify(packed, layer["digest"], blob.url)
    return packed


def _token(client: httpx2.Client, refused: httpx2.Response) -> str:
    """Ask for a token without credentials, where the refusal says (RFC 6750)."""
    asked = dict(re.findall(r'(\w+)="([^"]*)"', refused.headers.get("WWW-Authenticate", "")))
    if "realm" not in asked:
        refused.raise_for_status()
    answer = client.get(asked.pop("realm"), params=asked).raise_for_status()
    try:
        told = answer.json()
        return told.get("token") or told["access_token"]
    except (ValueError, KeyError) as error:
        raise httpx2.DecodingError(f"{answer.url} gives no token") from error


def _verify(content: bytes, digest: str, url: httpx2.URL) -> None:
    got = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if got != digest:
        raise ToolchainError(
            f"{url}: its digest is {got}, but the registry says {digest}: it isn't used. Try "
            "again, or check which server answers for that host name."
        )
