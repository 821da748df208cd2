"""Downloads of Istio releases, and of the Gateway API's CRDs that go with them."""

import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import httpx2

import console
from console import UserError
from mesh.istio import gateway_api_crds
from mesh.istio.gateway_api_crds import MODULE, Bundle
from mesh.istio.release import LAYOUTS, SOURCE, folder_of
from meshctl.workspace import oci_charts
from meshctl.workspace.stack import Workspace
from sandbox import cache, downloads, golang
from sandbox.cache import ToolchainError
from sandbox.programs import ARCHITECTURE, ISTIO

ARCHIVES = (
    "https://github.com/istio/istio/releases/download/{version}/istio-{version}-linux-{arch}.tar.gz",
    "https://blob.istio.io/istio-release/releases/{version}/istio-{version}-linux-{arch}.tar.gz",
)
"""Where a release's archive is, each with a file of its SHA-256 beside it."""
PARTS = ("manifests", "samples", "LICENSE")
"""The parts of a release that the program reads."""
KEPT = (*PARTS, "bin")
"""The same of an archive, with istioctl: the Go module's folder bin has other content."""

CRDS = "config/crd/standard"
"""The folder of the standard channel's CRDs in the Gateway API's Go module."""


class ReleaseError(UserError):
    """The release can't be downloaded; the message says what was tried and what to do."""


def get_all(workspace: Workspace) -> None:
    """Download a stack's releases, unless its config names folders, and its Gateway API CRDs.

    Raises ReleaseError when one can't be downloaded.
    """
    for version, folder in workspace.releases:
        if folder:
            console.done("Istio release", f"{version}  the folder {folder}")
        else:
            get(version)
    bundle = gateway_api_crds.of(workspace.setting("istioVersion"))
    if bundle is not None and workspace.brings_gateway_api:
        get_gateway_api(bundle)


def get(
    version: str, *, archives: Sequence[str] = ARCHIVES, charts: str = oci_charts.REGISTRY
) -> Path:
    """Return the folder `releases/<version>`, downloading the release if it isn't there.

    The sources are the archives, the charts in an OCI registry, and Istio's Go module. Raises
    ReleaseError when none has the release.
    """
    folder = folder_of(version)
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=folder.parent))
        # The Go module goes into the caches of builds, which another set-up may be using.
        with cache.only_one():
            try:
                urls = [each.format(version=version, arch=ARCHITECTURE) for each in archives]
                source = _fill(partial, version, urls, charts)
                (partial / SOURCE).write_text(f"{source}\n")
                partial.chmod(0o755)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
                golang.remove_caches()
    console.done("Istio release", f"{version}  {(folder / SOURCE).read_text().strip()}")
    return folder


def get_gateway_api(bundle: Bundle) -> Path:
    """Return the bundle's folder, downloading the CRDs if they aren't there.

    Raises ReleaseError when the Gateway API's Go module can't be downloaded.
    """
    if not bundle.folder.is_dir():
        bundle.folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="partial-", dir=bundle.folder.parent) as partial:
            try:
                module = golang.download_module(
                    MODULE, bundle.version, bundle.checksum, Path(partial, "go-mod")
                )
            except ToolchainError as error:
                raise ReleaseError(
                    f"the Gateway API {bundle.version} can't be downloaded: {error} Or put the "
                    f"standard-install.yaml of its release into {bundle.folder}"
                ) from error
            filled = Path(partial, "bundle")
            shutil.copytree(module / CRDS, filled, copy_function=shutil.copyfile)
            (filled / SOURCE).write_text(f"the Go module {MODULE} v{bundle.version}\n")
            filled.rename(bundle.folder)
    source = bundle.folder / SOURCE
    origin = source.read_text().strip() if source.is_file() else f"the folder {bundle.folder}"
    console.done("Gateway API", f"{bundle.version}  {origin}")
    return bundle.folder


def _fill(folder: Path, version: str, urls: Sequence[str], charts: str) -> str:
    """Fill a folder with the release's parts and return where they came from."""
    why_not = []
    for url in urls:
        try:
            packed = downloads.fetch(url, f"{url}.sha256", folder)
        except httpx2.HTTPError as error:
            why_not.append(f"{url} can't be reached ({type(error).__name__})")
            continue
        try:
            with packed.open("rb") as file:
                downloads.unpack(file, folder, _place)
        except tarfile.TarError as error:
            raise ReleaseError(f"{url} can't be unpacked: {error}") from error
        packed.unlink()
        _must_have_charts(folder, url)
        return f"the official archive {url}"
    try:
        with console.alive(f"Istio {version}: charts of {charts}"):
            source = oci_charts.get(version, folder, charts)
    except httpx2.HTTPError as error:
        shutil.rmtree(folder / "manifests", ignore_errors=True)
        why_not.append(f"{charts} has no charts of it ({type(error).__name__})")
    else:
        _must_have_charts(folder, source)
        return source

    minor = version.rpartition(".")[0]
    try:
        module = golang.Builds().module_folder(ISTIO)
    except ToolchainError as error:
        reason = f"Istio's Go module isn't available either: {error}"
        raise _not_to_be_had(version, *why_not, reason) from error
    branch = (module / "VERSION").read_text().strip()
    if branch != minor:
        raise _not_to_be_had(version, *why_not, f"the pinned Go module of Istio is {branch}'s")
    for part in PARTS:
        if (module / part).is_dir():
            shutil.copytree(module / part, folder / part, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(module / part, folder / part)
    _must_have_charts(folder, f"{ISTIO.module} {ISTIO.pin}")
    return (
        f"the Go module {ISTIO.module} v{ISTIO.pin}, branch release-{branch}, "
        f"in place of {version}'s own archive"
    )


def _place(member: tarfile.TarInfo) -> str:
    inside = downloads.inside(member)
    return inside if inside.split("/")[0] in KEPT else ""


def _must_have_charts(folder: Path, source: str) -> None:
    if all(layout.missing_from(folder) for layout in LAYOUTS):
        raise ReleaseError(f"{source} has no charts of a known layout, so it isn't used")


def _not_to_be_had(version: str, *reasons: str) -> ReleaseError:
    return ReleaseError(
        f"Istio {version} can't be downloaded: {'; '.join(reasons)}. Get the release in another "
        "way, and set its folder: pulumi config set releaseDir FOLDER"
    )
