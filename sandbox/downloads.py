"""Downloads of official programs, verified by the checksums published with them."""

import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import httpx2

import console
from sandbox.cache import ToolchainError
from sandbox.programs import ARCHITECTURE, Family

MOST_BYTES = 2 * 2**30
"""More than ten times what an archive of Istio or of a program holds: above it is a bomb."""
BROKEN = (
    *(EOFError, zlib.error, lzma.LZMAError),
    KeyError,  # a link to a file that isn't there
    *(FileExistsError, IsADirectoryError, NotADirectoryError),  # a file where a folder is
)
"""What the tarfile module raises for a broken archive, besides TarError."""


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
        url = download.url.format(**names)
        try:
            file = fetch(url, download.checksums.format(**names), into)
        except httpx2.HTTPError:
            return "the download can't be reached"
        if download.unpacks:
            _unpack_programs(file, url)
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


def inside(member: tarfile.TarInfo) -> str:
    """Return a file's path without the folder around all files; empty for that folder."""
    return member.name.partition("/")[2]


def unpack(
    packed: BinaryIO, folder: Path, place: Callable[[tarfile.TarInfo], str] = inside
) -> None:
    """Unpack an archive into a folder, each file to its place; a file without one is left out.

    Raises tarfile.TarError for a broken archive, one that is too large, and one with a file that
    would leave the folder.
    """
    size = 0
    try:
        with tarfile.open(fileobj=packed) as tar:
            for member in tar:
                size += member.size
                if size > MOST_BYTES:
                    most = f"{MOST_BYTES / 2**30:.0f} GiB"
                    raise tarfile.ReadError(f"its files are larger than {most} together")
                if name := place(member):
                    member.name = name
                    _extract(tar, member, folder)
    except BROKEN as error:
        raise tarfile.ReadError(f"it is broken: {error}") from error


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Unpack a file; Python before 3.11.4, such as Debian 12's, has no filter for it."""
    if hasattr(tarfile, "data_filter"):
        tar.extract(member, folder, filter="data")
        return
    if not (member.isfile() or member.isdir()):
        raise tarfile.ReadError(f"{member.name} is a link or a device: use Python 3.11.4 or newer")
    if not (folder / member.name).resolve().is_relative_to(folder.resolve()):
        raise tarfile.ReadError(f"{member.name} would be outside of {folder}")
    member.mode &= 0o755
    tar.extract(member, folder, set_attrs=member.isfile())


def _unpack_programs(archive: Path, url: str) -> None:
    """Replace an archive by its programs."""
    try:
        with archive.open("rb") as packed:
            unpack(packed, archive.parent, _program)
    except tarfile.TarError as error:
        raise ToolchainError(f"{url} can't be unpacked: {error}") from error
    archive.unlink()


def _program(member: tarfile.TarInfo) -> str:
    is_program = member.isfile() and member.mode & 0o100
    return Path(member.name).name if is_program else ""


def _checksum(listing: str, name: str, source: str) -> str:
    for line in listing.splitlines():
        words = line.split()
        if words and (len(words) == 1 or words[-1].lstrip("*").rsplit("/", 1)[-1] == name):
            return words[0].lower()
    raise ToolchainError(f"{source} has no checksum of {name}")
