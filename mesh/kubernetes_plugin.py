"""The kubernetes plugin that Pulumi runs with: the official one, or the sandbox's stand-in."""

import hashlib
import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import httpx2

from mesh.release import PROJECT
from sandbox import console
from sandbox.cache import ToolchainError
from sandbox.cluster import HOME
from sandbox.programs import ARCHITECTURE

Plugin = Literal["auto", "official", "stand-in"]
PROGRAM = "pulumi-resource-kubernetes"
CHECKOUT = "checkout"
"""The file beside a stand-in that says whose it is: it goes when its checkout has gone."""
VERSION = importlib.metadata.version("pulumi-kubernetes")
DOWNLOAD = (
    "https://get.pulumi.com/releases/plugins/"
    "pulumi-resource-kubernetes-v{version}-linux-{arch}.tar.gz"
)


def official() -> str | None:
    """Say where the official plugin is, if it is installed."""
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    folder = home / "plugins" / f"resource-kubernetes-v{VERSION}"
    if (folder / PROGRAM).exists():
        return str(folder)
    on_path = shutil.which(PROGRAM)
    if on_path is not None and not Path(on_path).is_relative_to(HOME):
        return on_path
    return None


def expects_stand_in(wanted: Plugin) -> bool:
    """Foresee, before there is a Pulumi to ask, whether the stand-in will be needed."""
    if wanted != "auto":
        return wanted == "stand-in"
    return official() is None and not _can_be_downloaded()


def is_stand_in(wanted: Plugin, pulumi: Path, *, expected: bool) -> bool:
    """Decide on the plugin, and say which one it is.

    Raises ToolchainError when the official one is insisted on, and can't be had.
    """
    found = None if expected else official() or _download(pulumi)
    if found is not None:
        console.done("kubernetes plugin", f"{VERSION}  the official one ({found})")
        return False
    if wanted == "official":
        raise ToolchainError(
            f"PLUGIN=official insists on the official kubernetes plugin {VERSION}, which is "
            "neither installed nor to be downloaded here; `pulumi plugin install resource "
            f"kubernetes {VERSION}` says why"
        )
    why = "PLUGIN=stand-in" if wanted == "stand-in" else "the official one isn't to be had"
    console.done("kubernetes plugin", f"the sandbox's stand-in ({why})")
    return True


def stand_in_folder() -> Path:
    """Return a folder that holds the stand-in under the name by which the engine looks for it.

    Each checkout has its own: else the last one to run would be that of all, until it is removed.
    """
    folder = HOME / "plugin" / hashlib.sha256(str(PROJECT).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / PROGRAM
    text = (
        "#!/bin/sh\n"
        # Compiling the plugin anew takes a fifth of its start.
        "PYTHONDONTWRITEBYTECODE= "
        f"PYTHONPATH={shlex.quote(str(PROJECT))} exec {shlex.quote(sys.executable)} "
        '-m sandbox.kubernetes_plugin "$@"\n'
    )
    if not program.exists() or program.read_text() != text:
        for note in folder.parent.glob(f"*/{CHECKOUT}"):
            if not Path(note.read_text()).is_dir():
                shutil.rmtree(note.parent, ignore_errors=True)
        (folder / CHECKOUT).write_text(str(PROJECT))
        written = folder / f"{PROGRAM}.{os.getpid()}"
        written.write_text(text)
        written.chmod(0o755)
        written.replace(program)  # at once: another update may be about to start it
    return folder


def _can_be_downloaded() -> bool:
    url = DOWNLOAD.format(version=VERSION, arch=ARCHITECTURE)
    try:
        return httpx2.head(url, timeout=5, follow_redirects=True).is_success
    except httpx2.HTTPError:
        return False


def _download(pulumi: Path) -> str | None:
    with console.alive(f"kubernetes plugin {VERSION}: installing the official one"):
        answer = subprocess.run(
            [pulumi, "plugin", "install", "resource", "kubernetes", VERSION],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    return None if answer.returncode else official()
