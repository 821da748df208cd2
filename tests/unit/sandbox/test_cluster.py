"""A sandbox's folder."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from sandbox import cluster
from sandbox.cache import ToolchainError
from sandbox.cluster import Sandbox, SandboxError


def test_no_other_user_reads_keys_or_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the modes of the files in it, which other programs write."""
    monkeypatch.setattr(cluster, "HOME", tmp_path)
    sandbox = Sandbox("mine")

    sandbox.keep_state()

    assert sandbox.state.is_dir()
    assert sandbox.folder.stat().st_mode & 0o077 == 0


def test_no_other_user_reads_keys_while_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is closed before kwokctl writes the first one."""
    monkeypatch.setattr(cluster, "HOME", tmp_path)
    sandbox = Sandbox("mine")
    sandbox.folder.mkdir(parents=True, mode=0o755)  # as the lock makes it
    modes = []

    def kwokctl(*_: object) -> None:
        modes.append(sandbox.folder.stat().st_mode & 0o777)
        raise SandboxError("seen")

    monkeypatch.setattr(Sandbox, "_kwokctl", kwokctl)
    with pytest.raises(SandboxError, match="seen"):
        sandbox._create(defaultdict(Path))

    assert modes == [0o700]


def test_what_pods_shall_be_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is downloaded, made or started."""
    monkeypatch.setattr(cluster, "HOME", tmp_path)
    monkeypatch.setattr(cluster.toolchain, "ensure", lambda *_: pytest.fail("it began"))
    monkeypatch.setenv("PODS", "true")

    with pytest.raises(SandboxError, match="PODS must be real or fake, got 'true'"):
        Sandbox("mine").up()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (
            {"network": "127.20.0.0/16"},
            "sandbox mine was made before they could be processes: run `make sandbox-down "
            "SANDBOX=mine` and `make up` for a new one",
        ),
        ({"pods": "fake", "why_fake": "PODS=fake"}, "PODS=fake"),
        ({"pods": "real", "why_fake": None}, None),
    ],
)
def test_a_sandbox_keeps_what_its_pods_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: dict[str, str | None], why: str | None
) -> None:
    """From its creation: another PODS of a later command changes nothing."""
    monkeypatch.setattr(cluster, "HOME", tmp_path)
    monkeypatch.setenv("PODS", "real")
    sandbox = Sandbox("mine")
    sandbox.folder.mkdir(parents=True)
    (sandbox.folder / "sandbox.json").write_text(json.dumps(made))

    assert sandbox.why_fake == why


def test_a_node_that_does_not_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the last line of its log: an `up` would wait ten minutes for its pods."""
    monkeypatch.setattr(cluster, "HOME", tmp_path)
    for program in ("productpage_packages", "envoy_program"):
        monkeypatch.setattr(cluster.wheels, program, Path)
    sandbox = Sandbox("mine")
    sandbox.keep_state()
    (sandbox.folder / "node.ready").touch()  # of an earlier start

    with pytest.raises(SandboxError, match=r"can't be started: .*kubeconfig") as refused:
        sandbox._start_node({"pilot-agent": Path("pilot-agent")})

    assert "`make sandbox-down SANDBOX=mine` and `make up PODS=fake`" in str(refused.value)


def test_a_sandbox_of_another_command_says_how_to_get_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A preview makes one too, and nobody has written PODS=fake."""
    monkeypatch.delenv("PODS", raising=False)
    assert "`make sandbox-down SANDBOX=mine` and `make up`" in str(Sandbox("mine")._why_fake())

    monkeypatch.setenv("PODS", "fake")
    assert Sandbox("mine")._why_fake() == "PODS=fake"


def test_a_program_that_cannot_be_had_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, with what pip said: only that tells what to do."""

    def refused() -> Path:
        raise ToolchainError("envoy can't be installed:\nno matching distribution\nCheck pip.")

    monkeypatch.setenv("PODS", "real")
    monkeypatch.setattr(cluster.trial, "why_not", lambda: None)
    monkeypatch.setattr(cluster.wheels, "envoy_program", refused)

    told = "envoy can't be installed: no matching distribution Check pip."
    assert Sandbox("mine")._why_fake() == told
