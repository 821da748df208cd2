"""Puts on disk an Istio release, and the Gateway API that it is built with."""

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
"""What the program reads of a release."""
PROGRAMS = "bin"
"""Where the archive holds istioctl; in the module the folder of that name holds other things."""

CRDS = "config/crd/standard"
"""Where the Gateway API's Go module has the CRDs of its standard channel."""


class ReleaseError(UserError):
    """The release can't be had; the message says what was tried and what helps."""


def get_all(workspace: Workspace) -> None:
    """Put a stack's releases on disk, unless its config names folders; and what goes with them.

    Raises ReleaseError when one can't be had.
    """
    for version, folder in workspace.releases:
        if folder:
            console.done("Istio release", f"{version}  the folder {folder}")
        else:
            get(version)
    wants = (workspace.setting("routingApi"), workspace.setting("gatewayApiCrds"))
    bundle = gateway_api_crds.of(workspace.setting("istioVersion"))
    if bundle is not None and wants == ("gateway-api", "stack"):
        get_gateway_api(bundle)


def get(version: str, *, archives: Sequence[str] = ARCHIVES) -> Path:
    """Return the folder `releases/<version>`, filling it first when it isn't there.

    Raises ReleaseError when neither source has the release.
    """
    folder = folder_of(version)
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=folder.parent))
        # The module comes into the caches of builds, which another set-up may be using.
        with cache.only_one():
            try:
                urls = [each.format(version=version, arch=ARCHITECTURE) for each in archives]
                source = _fill(partial, version, urls)
                (partial / SOURCE).write_text(f"{source}\n")
                partial.chmod(0o755)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
                golang.remove_caches()
    console.done("Istio release", f"{version}  {(folder / SOURCE).read_text().strip()}")
    return folder


def get_gateway_api(bundle: Bundle) -> Path:
    """Return the bundle's folder, filling it first when it isn't there.

    Raises ReleaseError when the Gateway API's Go module can't be had.
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
                    f"the Gateway API {bundle.version} can't be had: {error} Or put the "
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


def _fill(folder: Path, version: str, urls: Sequence[str]) -> str:
    """Fill a folder with the release's parts and return where they came from."""
    why_not = []
    for url in urls:
        try:
            packed = downloads.fetch(url, f"{url}.sha256", folder)
        except httpx2.HTTPError as error:
            why_not.append(f"{url} can't be reached ({type(error).__name__})")
            continue
        _unpack(packed, folder)
        packed.unlink()
        _must_have_charts(folder, url)
        return f"the official archive {url}"

    minor = version.rpartition(".")[0]
    try:
        module = golang.module_folder(ISTIO)
    except ToolchainError as error:
        raise _not_to_be_had(version, *why_not, f"Istio's Go module neither: {error}") from error
    branch = (module / "VERSION").read_text().strip()
    if branch != minor:
        raise _not_to_be_had(version, *why_not, f"the pinned Go module of Istio is of {branch}")
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


def _unpack(packed: Path, folder: Path) -> None:
    with tarfile.open(packed) as tar:
        for member in tar:
            _, _, inner = member.name.partition("/")
            if inner.split("/")[0] in (*PARTS, PROGRAMS):
                member.name = inner
                tar.extract(member, folder, filter="data")


def _must_have_charts(folder: Path, source: str) -> None:
    if all(layout.missing_from(folder) for layout in LAYOUTS):
        raise ReleaseError(f"{source} holds no charts of a known layout: nothing of it is used")


def _not_to_be_had(version: str, *reasons: str) -> ReleaseError:
    return ReleaseError(
        f"Istio {version} can't be had: {'; '.join(reasons)}. Get the release in another way, and "
        "name its folder: pulumi config set releaseDir FOLDER"
    )
