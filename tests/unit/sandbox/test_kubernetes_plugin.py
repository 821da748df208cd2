"""The Kubernetes plugin: which one is used, and what Pulumi is told about it."""

import contextlib
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import httpx2
import pytest

from sandbox import kubernetes_plugin, plugin_process, toolchain
from sandbox.cache import ToolchainError
from sandbox.kubernetes_plugin import PROGRAM, SDK_VERSION, Plugin
from sandbox.programs import KUBERNETES_PLUGIN, Family


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the empty Pulumi home of a person who has no plugin, on a machine without network."""
    home = tmp_path / "person"
    monkeypatch.setenv("PULUMI_HOME", str(home))
    monkeypatch.delenv("PULUMI_CREDENTIALS_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(kubernetes_plugin, "PULUMI_HOME", tmp_path / "ours")
    monkeypatch.setattr(kubernetes_plugin, "_can_be_downloaded", lambda: False)

    def built(families: Sequence[Family]) -> dict[str, Path]:
        return {PROGRAM: tmp_path / "built" / PROGRAM} if KUBERNETES_PLUGIN in families else {}

    monkeypatch.setattr(toolchain, "ensure", built)
    return home


def install(plugins: Path, version: str) -> Path:
    """Put a plugin where Pulumi installs it."""
    program = plugins / "plugins" / f"resource-kubernetes-v{version}" / PROGRAM
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    return program


def put_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> Path:
    """Put a plugin of a version on PATH."""
    program = tmp_path / "bin" / PROGRAM
    program.parent.mkdir()
    program.touch(mode=0o755)

    class Answers:
        def version(self) -> str:
            return version

    @contextlib.contextmanager
    def run(_program: Path) -> Generator[Answers]:
        yield Answers()

    monkeypatch.setattr(plugin_process, "run", run)
    return program


@pytest.mark.parametrize("version", ["4.24.9", "3.30.0", "5.0.0", ""])
def test_a_plugin_on_path_that_does_not_fit_is_one_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    """It names the file, its version and the remedy: Pulumi would have used it in silence."""
    put_on_path(monkeypatch, tmp_path, version)

    with pytest.raises(ToolchainError, match=rf"{PROGRAM} is version .*4.25.* remove it from PATH"):
        kubernetes_plugin.find()


def test_a_plugin_on_path_that_does_not_start_is_one_error(tmp_path: Path) -> None:
    """With what it printed."""
    program = tmp_path / "bin" / PROGRAM
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho exec format error >&2\nexit 1\n")
    program.chmod(0o755)

    with pytest.raises(ToolchainError, match=r"doesn't start: exec format error; .* from PATH"):
        kubernetes_plugin.find()


def test_a_fitting_plugin_on_path_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:
    """As Pulumi has it; it is linked, since Pulumi warns of every plugin that it finds on PATH."""
    program = put_on_path(monkeypatch, tmp_path, "4.32.0")
    install(home, SDK_VERSION)

    plugin, _ = kubernetes_plugin.find()

    assert (plugin.version, plugin.program) == ("4.32.0", program)
    environment = plugin.environment()
    link = tmp_path / "ours" / "plugins" / "resource-kubernetes-v4.32.0" / PROGRAM
    assert link.readlink() == program
    assert environment["PULUMI_HOME"] == str(tmp_path / "ours")
    assert environment["PULUMI_CREDENTIALS_PATH"] == str(home)
    assert environment["PULUMI_IGNORE_AMBIENT_PLUGINS"] == "true"


def test_the_sdks_own_version_is_left_to_pulumi(home: Path) -> None:
    """What Pulumi would do by itself needs nothing; an older one beside it is not taken."""
    program = install(home, SDK_VERSION)
    install(home, "4.99.0")

    plugin, _ = kubernetes_plugin.find()

    assert plugin.program == program
    assert plugin.environment() == {}


def test_another_installed_version_is_used_where_it_is(home: Path) -> None:
    """The newest that fits; Pulumi is kept from downloading the SDK's own beside it."""
    for version in ("4.9.0", "4.30.0", "4.26.1"):
        install(home, version)

    plugin, _ = kubernetes_plugin.find()

    assert plugin.version == "4.30.0"
    assert plugin.environment() == {"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}


def test_without_any_one_is_built(tmp_path: Path) -> None:
    """From its Go module; another build of the same version takes the link over."""
    plugin, _ = kubernetes_plugin.find()
    plugin.environment()
    Plugin(version=plugin.version, program=tmp_path / "new", origin="built").environment()

    assert plugin.program == tmp_path / "built" / PROGRAM
    assert plugin.version == KUBERNETES_PLUGIN.version
    link = tmp_path / "ours" / "plugins" / f"resource-kubernetes-v{plugin.version}" / PROGRAM
    assert link.readlink() == tmp_path / "new"
    assert [file.name for file in link.parent.iterdir()] == [PROGRAM]


def test_a_shell_of_make_env_knows_the_person(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:
    """A command in it finds the person's plugins and login, and not those of the first command."""
    first, _ = kubernetes_plugin.find()
    for name, value in first.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)

    second, _ = kubernetes_plugin.find()

    assert second == first
    assert second.environment()["PULUMI_CREDENTIALS_PATH"] == str(home)


def test_the_network_is_not_asked_when_one_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command would wait for it where nothing answers."""
    monkeypatch.undo()
    monkeypatch.setattr(toolchain, "is_cached", lambda _: True)
    monkeypatch.setattr(httpx2, "head", lambda *_, **__: pytest.fail("the network was asked"))

    assert not kubernetes_plugin._can_be_downloaded()


def program(folder: Path, *lines: str) -> Path:
    """Write a program of a shell's lines."""
    file = folder / "plugin"
    file.write_text("\n".join(["#!/bin/sh", *lines]))
    file.chmod(0o755)
    return file


def test_a_plugin_that_writes_much_is_not_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Helm warns of each chart: after some hundred the plugin waited for ever for a reader."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    wrote = tmp_path / "wrote"
    much = "head -c 1000000 /dev/zero >&2"

    with plugin_process.run(program(tmp_path, "echo 1", much, much, f"touch {wrote}", "sleep 60")):
        late = time.monotonic() + 10
        while not wrote.exists() and time.monotonic() < late:
            time.sleep(0.01)

    assert wrote.exists()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["echo broken >&2", "exit 1"], "broken"),
        (["echo hello"], "hello"),
        (["exit 0"], "it printed no port"),
    ],
)
def test_a_plugin_without_a_port_is_one_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: list[str], said: str
) -> None:
    """In its own words, if it has any."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    with (
        pytest.raises(plugin_process.PluginError, match=said),
        plugin_process.run(program(tmp_path, *lines)),
    ):
        pass
