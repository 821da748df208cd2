"""A hostile archive is refused in one way, and writes nothing outside of its folder."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox import downloads


def archive(*members: dict[str, Any]) -> bytes:
    """Pack members by their headers alone, with no content."""
    headers = io.BytesIO()
    for attributes in members:
        member = tarfile.TarInfo()
        for name, value in attributes.items():
            setattr(member, name, value)
        headers.write(member.tobuf())
    return gzip.compress(headers.getvalue() + bytes(2 * tarfile.BLOCKSIZE))


def link(to: str, *, hard: bool = False) -> dict[str, Any]:
    """Return a link's attributes."""
    return {"type": tarfile.LNKTYPE if hard else tarfile.SYMTYPE, "linkname": to}


HOSTILE: Mapping[str, tuple[bytes, str]] = {
    "a path out": (archive({"name": "a/../../outside"}), "outside"),
    "a link to elsewhere": (archive({"name": "a/x", **link("/etc")}), "absolute path"),
    "a file through a link": (archive({"name": "a/x", **link("..")}, {"name": "a/x/y"}), "outside"),
    "a hard link out": (archive({"name": "a/x", **link("../x", hard=True)}), "outside"),
    "a hard link to nothing": (archive({"name": "a/x", **link("x", hard=True)}), "it is broken"),
    "a device": (archive({"name": "a/x", "type": tarfile.CHRTYPE}), "special file"),
    "a file as a folder": (archive({"name": "a/x"}, {"name": "a/x/y"}), "it is broken"),
    "a folder as a file": (
        archive({"name": "a/x", "type": tarfile.DIRTYPE}, {"name": "a/x"}),
        "it is broken",
    ),
    "a bomb": (archive({"name": "a/x", "size": 2**40}), "larger than 2 GiB together"),
    "less than it says": (archive({"name": "a/x", "size": 2**20}), "unexpected end of data"),
    "a part": (archive({"name": "a/x"})[:-20], "it is broken"),
    "nonsense": (b"\x1f\x8b\x08\x00" + b"x" * 100, "could not be opened|it is broken"),
    "a proxy's page": (b"<html>", "could not be opened"),
    "nothing": (b"", "empty file|could not be opened"),
}
"""Archives, each with what is said about it."""


@pytest.mark.parametrize("has_filter", [True, False])
@pytest.mark.parametrize(("packed", "told"), HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_archive_is_refused(
    packed: bytes, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_filter: bool
) -> None:
    """Always by a TarError, of which callers make one message; by Python 3.11.2, too."""
    folder = tmp_path / "folder"
    folder.mkdir()
    if not has_filter:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    if not hasattr(tarfile, "data_filter"):
        told += "|is a link or a device"

    with pytest.raises(tarfile.TarError, match=told):
        downloads.unpack(io.BytesIO(packed), folder)

    assert list(tmp_path.iterdir()) == [folder]


def test_what_is_left_out_counts_too(tmp_path: Path) -> None:
    """It must be unpacked to find out where it ends."""
    bomb = archive({"name": "a/x", "size": 2**40})

    with pytest.raises(tarfile.TarError, match="larger than"):
        downloads.unpack(io.BytesIO(bomb), tmp_path, lambda _: "")
