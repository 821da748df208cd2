"""Pulumi's Kubernetes plugin: which one the commands use, and how Pulumi finds it."""

import importlib.metadata
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

import console
from sandbox import plugin_process, toolchain
from sandbox.cache import ToolchainError
from sandbox.cluster import HOME
from sandbox.programs import ARCHITECTURE, KUBERNETES_PLUGIN, PULUMI, Family

PROGRAM = "pulumi-resource-kubernetes"
SDK_VERSION = importlib.metadata.version("pulumi-kubernetes")
"""The version of the plugin that Pulumi itself would download."""
OLDEST = (4, 25)
"""The oldest minor that the end-to-end tests run with."""
DOWNLOAD = (
    "https://get.pulumi.com/releases/plugins/"
    "pulumi-resource-kubernetes-v{version}-linux-{arch}.tar.gz"
)
PULUMI_HOME = HOME / "pulumi"
"""The Pulumi home of these commands, for plugins that aren't in the user's own Pulumi home."""


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """An official plugin on this machine."""

    version: str
    program: Path
    origin: str

    def environment(self) -> dict[str, str]:
        """Return the environment in which Pulumi runs this plugin without a warning."""
        needed = {}
        if self.version != SDK_VERSION:
            # Else Pulumi would try to download the SDK's version, too.
            needed["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        if not self.program.is_relative_to(persons_home()):
            self._link()
            needed |= {
                "PULUMI_HOME": str(PULUMI_HOME),
                # The user stays logged in: credentials are read from where they were.
                "PULUMI_CREDENTIALS_PATH": os.environ.get("PULUMI_CREDENTIALS_PATH")
                or str(persons_home()),
                # A plugin on PATH would win over the linked one, with a warning each time.
                "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
            }
        return needed

    def _link(self) -> None:
        """Link the program where Pulumi looks for a plugin of this version."""
        link = PULUMI_HOME / "plugins" / f"resource-kubernetes-v{self.version}" / PROGRAM
        if link == self.program or (link.is_symlink() and link.readlink() == self.program):
            return
        link.parent.mkdir(parents=True, exist_ok=True)
        new = link.with_name(f"{PROGRAM}.{os.getpid()}")
        new.symlink_to(self.program)
        new.replace(link)  # atomic: another update may be about to start it


def persons_home() -> Path:
    """Return the user's own Pulumi home: $PULUMI_HOME, or ~/.pulumi."""
    named = os.environ.get("PULUMI_HOME")
    if named == str(PULUMI_HOME):  # in a shell with the lines of `make env`
        named = os.environ.get("PULUMI_CREDENTIALS_PATH")
    return Path(named) if named else Path.home() / ".pulumi"


def find(beside: Sequence[Family] = ()) -> tuple[Plugin, dict[str, Path]]:
    """Return the plugin, and the programs of the families, which are installed at the same time.

    The plugin is the one on PATH, else one that is installed, else the download of the SDK's own
    version, else one built from its Go module. One line of output says which it is.
    Raises ToolchainError when the one on PATH is too old or doesn't start, and when there is none.
    """
    plugin = _on_path() or _installed()
    # Decided first, so that the plugin can be built at the same time as other programs.
    build = plugin is None and not _can_be_downloaded()
    programs = toolchain.ensure((*((KUBERNETES_PLUGIN,) if build else ()), *beside))
    if plugin is None and not build:
        plugin = _download()
    if plugin is None:
        built = toolchain.ensure((KUBERNETES_PLUGIN,))[PROGRAM]
        return Plugin(version=KUBERNETES_PLUGIN.version, program=built, origin="built"), programs
    console.done(PROGRAM, f"{plugin.version}  {plugin.origin}")
    return plugin, programs


def _on_path() -> Plugin | None:
    found = shutil.which(PROGRAM)
    if found is None:
        return None
    program = Path(found).absolute()
    remedy = (
        f"the mesh needs {_text(OLDEST)} or a later 4.x: remove it from PATH, or replace it by "
        f"{SDK_VERSION} (https://github.com/pulumi/pulumi-kubernetes/releases)"
    )
    try:
        with plugin_process.run(program) as process:
            version = process.version()
    except plugin_process.PluginError as error:
        raise ToolchainError(f"{program} doesn't start: {error}; {remedy}") from error
    if not _fits(version):
        raise ToolchainError(f"{program} is version {version or 'unknown'}; {remedy}")
    return Plugin(version=version, program=program, origin=f"on PATH ({program.parent})")


def _installed() -> Plugin | None:
    """Return an installed plugin: the user's own first, and of these the SDK's own version."""
    theirs = persons_home() / "plugins"
    return (
        _newest(theirs, f"installed ({theirs})", wanted=SDK_VERSION)
        or _newest(theirs, f"installed ({theirs})")
        or _newest(PULUMI_HOME / "plugins", "downloaded", wanted=SDK_VERSION)
    )


def _newest(plugins: Path, origin: str, *, wanted: str = "") -> Plugin | None:
    prefix = "resource-kubernetes-v"
    versions: Iterable[str] = (
        folder.name.removeprefix(prefix)
        for folder in plugins.glob(f"{prefix}{wanted or '*'}")
        if (folder / PROGRAM).is_file() and not (folder / PROGRAM).is_symlink()
    )
    fitting = sorted((version for version in versions if _fits(version)), key=_numbers)
    if not fitting:
        return None
    program = plugins / f"{prefix}{fitting[-1]}" / PROGRAM
    return Plugin(version=fitting[-1], program=program, origin=origin)


def _can_be_downloaded() -> bool:
    """Return whether the SDK's version can be downloaded; False if one is built already."""
    if toolchain.is_cached(KUBERNETES_PLUGIN):
        return False
    url = DOWNLOAD.format(version=SDK_VERSION, arch=ARCHITECTURE)
    try:
        return httpx2.head(url, timeout=5, follow_redirects=True).is_success
    except httpx2.HTTPError:
        return False


def _download() -> Plugin | None:
    pulumi = toolchain.ensure((PULUMI,))["pulumi"]
    with console.alive(f"{PROGRAM} {SDK_VERSION}: downloading"):
        subprocess.run(
            [pulumi, "plugin", "install", "resource", "kubernetes", SDK_VERSION],
            env={**os.environ, "PULUMI_HOME": str(PULUMI_HOME)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    return _newest(PULUMI_HOME / "plugins", "downloaded", wanted=SDK_VERSION)


def _fits(version: str) -> bool:
    numbers = _numbers(version)
    return numbers[:1] == OLDEST[:1] and numbers >= OLDEST


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
