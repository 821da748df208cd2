"""Downloads of official programs, verified by the checksums published with them."""

import hashlib
import tarfile
from collections.abc import Callable
from pathlib import Path

import httpx2

import console
from sandbox.cache import ToolchainError
from sandbox.programs import ARCHITECTURE, Family


def get(family: Family, into: Path) -> str | None:
    """Download the family's official programs; return why that isn't possible, or None."""
    if not family.downloads:
        return "no official download with a checksum"
    for download in family.downloads:
        major, minor, *_ = (*family.version.split("."), "0")
        names = {
            "version": family.version,
            "major": major,
            "minor": minor,
            "arch": ARCHITECTURE,
            "arch64": {"amd64": "x64"}.get(ARCHITECTURE, ARCHITECTURE),
        }
        try:
            file = fetch(download.url.format(**names), download.checksums.format(**names), into)
        except httpx2.HTTPError:
            return "the download can't be reached"
        if download.unpacks:
            _unpack_programs(file)
        else:
            file.chmod(0o755)
    for name in family.programs:
        if not (into / name).exists():
            raise ToolchainError(f"the download {family.downloads[0].url} has no program {name}")
    return None


def fetch(url: str, checksums: str, into: Path) -> Path:
    """Download a file into a folder and verify it by its line in the checksum file.

    Raises httpx2.HTTPError when it can't be downloaded, ToolchainError on a wrong checksum.
    """
    name = url.rsplit("/", 1)[1]
    timeout = httpx2.Timeout(30, connect=5)
    with httpx2.Client(follow_redirects=True, timeout=timeout) as client:
        listing = client.get(checksums).raise_for_status().text
        expected = _checksum(listing, name, checksums)
        digest = hashlib.sha512() if len(expected) == 128 else hashlib.sha256()
        target = into / name
        with client.stream("GET", url) as response, target.open("wb") as file:
            response.raise_for_status()
            total = int(response.headers.get("content-length", 0))
            with console.progress(name, total) as advance:
                for chunk in response.iter_bytes(2**18):
                    digest.update(chunk)
                    file.write(chunk)
                    advance(len(chunk))
    if digest.hexdigest() != expected:
        target.unlink()
        raise ToolchainError(
            f"{url}: its {digest.name} is {digest.hexdigest()}, but {checksums} says {expected}: "
            "the file isn't used. Try again, or check which server answers for that host name."
        )
    return target


def unpack(
    tar: tarfile.TarFile, folder: Path, keeps: Callable[[str], bool] = lambda inner: True
) -> None:
    """Unpack an archive without the folder around its files, and only those that are kept.

    Raises tarfile.TarError for a broken archive, or a file that would leave the folder.
    """
    for member in tar:
        _, _, inner = member.name.partition("/")
        if inner and keeps(inner):
            member.name = inner
            tar.extract(member, folder, filter="data")


def _unpack_programs(archive: Path) -> None:
    """Replace an archive by its programs."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.mode & 0o100:
                member.name = Path(member.name).name
                tar.extract(member, archive.parent, filter="data")
    archive.unlink()


def _checksum(listing: str, name: str, source: str) -> str:
    for line in listing.splitlines():
        words = line.split()
        if words and (len(words) == 1 or words[-1].lstrip("*").rsplit("/", 1)[-1] == name):
            return words[0].lower()
    raise ToolchainError(f"{source} has no checksum of {name}")
