"""Charts of a release from an OCI registry: by a token, verified, and as a release's folder."""

import functools
import hashlib
import http.server
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh.istio import release
from mesh.istio.release import TODAY
from meshctl.workspace import download, oci_charts
from sandbox import cache, golang
from sandbox.cache import ToolchainError
from tests.fakes.http_server import running

NOWHERE = "http://127.0.0.1:9/istio.tar.gz"


class Registry:
    """A registry with Istio's charts of one version, which wants a token as ghcr.io does."""

    def __init__(self) -> None:
        handler = functools.partial(_Handler, self)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        for name in oci_charts.FOLDERS:
            files = ["Chart.yaml", *(["files/crd-all.gen.yaml"] if name == "base" else [])]
            self.publish(name, _packed(name, *files))

    def publish(self, name: str, packed: bytes) -> None:
        """Publish a chart's archive as version 1.30.3."""
        digest = f"sha256:{hashlib.sha256(packed).hexdigest()}"
        self.blobs[digest] = packed
        layers = [{"mediaType": oci_charts.CHART, "digest": digest, "size": len(packed)}]
        path = f"/v2/{oci_charts.REPOSITORY}/{name}/manifests/1.30.3"
        self.manifests[path] = json.dumps({"layers": layers}).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, registry: Registry, *given: Any) -> None:
        self.registry = registry
        super().__init__(*given)

    def do_GET(self) -> None:
        """Answer with a token, a manifest or a blob."""
        if self.path.startswith("/token?"):
            self._answer(200, json.dumps({"token": "anybody"}).encode())
        elif self.headers.get("Authorization") != "Bearer anybody":
            realm = f'Bearer realm="{self.registry.address}/token",service="s",scope="pull"'
            self._answer(401, b"", {"WWW-Authenticate": realm})
        elif "/blobs/" in self.path:
            self._answer(200, self.registry.blobs[self.path.rpartition("/")[2]])
        elif (manifest := self.registry.manifests.get(self.path)) is not None:
            digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
            self._answer(200, manifest, {"Docker-Content-Digest": digest})
        else:
            self._answer(404, b"")

    def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *_: Any) -> None:
        """Keep quiet."""


def _packed(name: str, *files: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for file in files:
            tar.addfile(tarfile.TarInfo(f"{name}/{file}"))
    return packed.getvalue()


@pytest.fixture
def registry() -> Iterator[Registry]:
    """Serve a registry on a loopback port."""
    served = Registry()
    with running(served.server):
        yield served


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_module(*_: object) -> Path:
        raise ToolchainError("no Go")

    monkeypatch.setattr(release, "PROJECT", tmp_path)
    monkeypatch.setattr(cache, "FOLDER", tmp_path / "cache")
    monkeypatch.setattr(golang.Builds, "module_folder", no_module)
    cache.FOLDER.mkdir()


def test_charts_come_from_the_registry(registry: Registry) -> None:
    """When no archive can be reached: each chart is where an archive would have it."""
    folder = download.get("1.30.3", archives=[NOWHERE], charts=registry.address)

    assert TODAY.missing_from(folder) == []
    for chart in TODAY.node_agents.values():
        assert (folder / chart / "Chart.yaml").is_file()
    assert "the OCI charts 127.0.0.1" in (folder / "SOURCE").read_text()


def test_a_version_that_no_source_has_is_refused(registry: Registry, tmp_path: Path) -> None:
    """Each source is named, and nothing is left behind."""
    with pytest.raises(download.ReleaseError) as caught:
        download.get("1.30.4", archives=[NOWHERE], charts=registry.address)

    assert f"{NOWHERE} can't be reached" in str(caught.value)
    assert f"{registry.address} has no charts of it" in str(caught.value)
    assert list((tmp_path / "releases").iterdir()) == []


def test_a_chart_with_a_wrong_digest_is_refused(registry: Registry, tmp_path: Path) -> None:
    """What the registry sends isn't what its manifest names."""
    for digest in registry.blobs:
        registry.blobs[digest] += b"more"

    with pytest.raises(ToolchainError, match=r"its digest is sha256:.* it isn't used"):
        download.get("1.30.3", archives=[NOWHERE], charts=registry.address)
    assert list((tmp_path / "releases").iterdir()) == []


def test_a_chart_that_leaves_its_folder_is_refused(registry: Registry, tmp_path: Path) -> None:
    """A file of the archive that would be written beside the release."""
    registry.publish("base", _packed("base", "../../../../outside"))

    with pytest.raises(ToolchainError, match=r"base:1\.30\.3 can't be unpacked: .*outside"):
        download.get("1.30.3", archives=[NOWHERE], charts=registry.address)
    assert not list(tmp_path.rglob("outside"))


def test_a_chart_without_end_is_refused(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than any chart of Istio has isn't kept in memory."""
    monkeypatch.setattr(oci_charts, "MOST_BYTES", 20)

    with pytest.raises(ToolchainError, match="which no chart of Istio is"):
        download.get("1.30.3", archives=[NOWHERE], charts=registry.address)
