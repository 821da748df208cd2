"""Installation of families of programs: from PATH, the cache, a download or a build."""

import hashlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import console
from sandbox import cache, downloads, golang
from sandbox.cache import ToolchainError
from sandbox.programs import ARCHITECTURE, Family


@dataclass(frozen=True)
class Found:
    """The folder of a family's programs, and how they were found or installed."""

    family: Family
    folder: Path
    origin: str


_found: dict[Family, Found] = {}  # looked for, and told, once in a command


def ensure(families: Sequence[Family]) -> dict[str, Path]:
    """Return the path of each program of the families, installing missing ones.

    Prints one line for each program, once. Raises ToolchainError when one can't be installed.
    """
    cache.FOLDER.mkdir(parents=True, exist_ok=True)
    for family in families:
        if family not in _found and (at := _at_hand(family)) is not None:
            _found[family] = at
            _tell(at)
    missing = [family for family in families if family not in _found]
    if missing:
        builds = golang.Builds()
        with cache.only_one(), ThreadPoolExecutor(max_workers=2) as pool:
            _remove_leftovers()
            jobs = {family: pool.submit(_get, family, builds) for family in missing}
            try:
                for family, job in jobs.items():
                    _found[family] = job.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                builds.interrupt()
                raise
            finally:
                golang.remove_caches()
    return {
        program: _found[family].folder / program
        for family in families
        for program in family.programs
    }


def is_cached(family: Family) -> bool:
    """Return whether the family's programs are in the cache."""
    return _in_cache(family) is not None


def cached(family: Family, program: str) -> Path | None:
    """Return a program in the cache, without installing it; None if the cache lacks it."""
    found = _in_cache(family)
    return found.folder / program if found else None


def _at_hand(family: Family) -> Found | None:
    return _on_path(family) or _in_cache(family)


def _on_path(family: Family) -> Found | None:
    """Return the user's own programs if the whole family is on PATH and fits the pin."""
    program = shutil.which(next(iter(family.programs)))
    if program is None or not family.version_args:
        return None
    folder = Path(program).parent
    if not all((folder / name).exists() for name in family.programs):
        return None
    try:
        answer = subprocess.run(
            [program, *family.version_args], capture_output=True, text=True, timeout=20, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\d+(?:\.\d+)+", answer)
    if version is None or not _fits(version[0], family.version, family.same):
        return None
    return Found(family, folder, f"{version[0]} on PATH ({folder})")


def _fits(version: str, pin: str, same: int) -> bool:
    if not re.fullmatch(r"\d+(\.\d+)+", pin):
        return False
    have, want = ([int(part) for part in v.split(".")] for v in (version, pin))
    return have[:same] == want[:same] and have >= want


def _in_cache(family: Family) -> Found | None:
    folder = _cache_folder(family)
    return Found(family, folder, "in the cache") if folder.is_dir() else None


def _cache_folder(family: Family) -> Path:
    """Return the folder in the cache, named by all that decides its content, such as the pin."""
    key = hashlib.sha256(repr(family).encode())
    for part in family.parts:
        for pattern in ("go.mod", "go.sum", "**/*.go"):
            for file in sorted(part.folder.glob(pattern)):
                key.update(file.read_bytes())
    first = next(iter(family.programs))
    name = f"{first}-{family.version}-{ARCHITECTURE}-{key.hexdigest()[:12]}"
    return cache.FOLDER / "programs" / name


def _get(family: Family, builds: golang.Builds) -> Found:
    folder = _cache_folder(family)
    folder.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    # Renamed into place when complete: an interrupted run leaves nothing that looks complete.
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=folder.parent))
    try:
        why_not = downloads.get(family, partial)
        processor = 0.0
        if why_not is not None:
            processor = builds.build(family, partial)
        partial.chmod(0o755)
        partial.rename(folder)
    except OSError as error:
        raise ToolchainError(
            f"{family.name}: {error.strerror or error}: {error.filename or folder}"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    seconds = time.monotonic() - began
    origin = f"downloaded, {seconds:.0f} s"
    if why_not is not None:
        origin = f"built in {seconds:.0f} s, {processor:.0f} s of processor time ({why_not})"
    found = Found(family, folder, origin)
    _tell(found)
    return found


def _tell(found: Found) -> None:
    for program in found.family.programs:
        console.done(program, f"{found.family.version}  {found.origin}")


def _remove_leftovers() -> None:
    for partial in (cache.FOLDER / "programs").glob("partial-*"):
        shutil.rmtree(partial, ignore_errors=True)
