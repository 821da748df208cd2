"""Which Kubernetes a sandbox runs: its name says it, and a stack's kubeVersion the name."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from meshctl.workspace.stack import Workspace
from sandbox import control_plane
from sandbox.__main__ import app
from sandbox.cluster import Sandbox, SandboxError


@pytest.mark.parametrize(
    ("name", "version"),
    [("default", "1.36."), ("e2e-123", "1.36."), ("default-1.15", "1.15."), ("a-b-1.15", "1.15.")],
)
def test_a_sandbox_runs_what_its_name_ends_in(name: str, version: str) -> None:
    """Fixed when it is made: `down` and `logs` of the same name need to be told nothing more."""
    assert Sandbox(name).control_plane.version.startswith(version)


@pytest.mark.parametrize("name", ["default-1.20", "default-1.36"])
def test_a_version_that_cannot_be_run_is_refused(name: str) -> None:
    """With those that can be."""
    with pytest.raises(SandboxError, match=r"Kubernetes 1\.36\.\d+, or 1\.15 if "):
        Sandbox(name)


@pytest.mark.parametrize(
    ("name", "kubernetes", "wanted"),
    [
        ("default", "1.36.0", "default"),
        ("default", "1.35.1", "default"),
        ("default", "1.15.12", "default-1.15"),
        ("default-1.15", "1.15.12", "default-1.15"),
    ],
)
def test_a_stack_gets_a_sandbox_of_its_kubernetes(
    monkeypatch: pytest.MonkeyPatch, name: str, kubernetes: str, wanted: str
) -> None:
    """Beside the named one, where sandboxes have that version; the charts' version is no other."""
    monkeypatch.setattr(Workspace, "config", {"mesh:kubeVersion": kubernetes})
    sandbox = Workspace("dev", name).sandbox

    assert sandbox is not None
    assert sandbox.name == wanted


@pytest.mark.parametrize("command", ["down", "status", "logs"])
def test_the_sandbox_of_an_older_kubernetes_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    """By the commands of the one that it is beside, which know nothing of a stack's version."""
    monkeypatch.setattr("sandbox.cluster.HOME", tmp_path)
    (tmp_path / "sandboxes" / "default-1.15").mkdir(parents=True)

    beside = CliRunner().invoke(app, [command, "--name", "default"])
    other = CliRunner().invoke(app, [command, "--name", "team"])

    line = "sandbox default-1.15 exists, too: for its commands, set SANDBOX=default-1.15"
    assert line in beside.output
    assert "there too" not in other.output


def test_the_place_of_a_log_is_shown_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no terminal, on one line, for programs to read."""
    monkeypatch.setattr("sandbox.cluster.HOME", tmp_path)
    folder = Sandbox("default").folder
    folder.mkdir(parents=True)
    (folder / "kubeconfig").write_text("clusters: []")

    shown = CliRunner().invoke(app, ["status"], env={"SANDBOX": None}).output

    assert str(folder / "keeper.log") in shown


def test_ports_without_tls_are_closed() -> None:
    """Of 2019's components, which open them on fixed numbers, two of them to the network."""
    assert {
        "kube-apiserver=insecure-port=0",
        "kube-controller-manager=port=0",
        "kube-scheduler=port=0",
    } <= set(control_plane.OF_2019.arguments)
