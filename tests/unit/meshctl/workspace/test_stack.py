"""Where a stack's Pulumi runs: which programs it is given."""

import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mesh.istio import running_mesh
from mesh.kubernetes import client
from mesh.kubernetes.cluster import Cluster
from meshctl.commands import tables, teardown
from meshctl.workspace import recovery
from meshctl.workspace.settings import read_settings
from meshctl.workspace.stack import FOLDER_BACKEND, Workspace, WorkspaceError
from sandbox import kubernetes_plugin
from sandbox.kubernetes_plugin import Plugin


@pytest.mark.parametrize(
    ("config", "lacks"),
    [
        ({"mesh:injection": "manual"}, True),
        ({}, False),
        ({"mesh:injection": "manual", "mesh:context": "my-cluster"}, False),
    ],
)
def test_istioctl_is_got_for_a_sandbox_that_injects_by_hand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: dict[str, str], *, lacks: bool
) -> None:
    """Unless the release on disk brings its own; on one's own cluster it is one's own choice."""
    stack = {"mesh:releaseDir": str(tmp_path), **config}
    monkeypatch.setattr(Workspace, "config", stack)
    assert Workspace("dev", "default")._lacks_istioctl() is lacks

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "istioctl").touch()
    assert not Workspace("dev", "default")._lacks_istioctl()


def test_two_commands_make_one_new_stack_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The second finds it, with the salt that its secrets need."""
    monkeypatch.setattr("sandbox.cluster.HOME", tmp_path)
    stacks: list[dict[str, str]] = []

    def query(_: Workspace, *command: str) -> str:
        if "ls" in command:
            return json.dumps(stacks)
        time.sleep(0.1)
        stacks.append({"name": "dev"})
        Path(command[command.index("--cwd") + 1], "Pulumi.dev.yaml").write_text("salt")
        return ""

    monkeypatch.setattr(Workspace, "query", query)
    workspace = Workspace("dev", "default")
    assert workspace.sandbox is not None
    workspace.sandbox.keep_state()
    with ThreadPoolExecutor() as both:
        for made in [both.submit(workspace.make_stack) for _ in range(2)]:
            made.result()
            assert (workspace.sandbox.folder / "salt.dev.yaml").read_text() == "salt"

    assert stacks == [{"name": "dev"}]


@pytest.mark.parametrize("has_file", [True, False])
def test_a_new_stack_without_a_file_is_told(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    has_file: bool,
) -> None:
    """Its name may be a slip of the hand; one that is there already is no news."""
    file = tmp_path / "Pulumi.prodd.yaml"
    if has_file:
        file.touch()
    monkeypatch.setattr("sandbox.cluster.HOME", tmp_path)
    monkeypatch.setattr(Workspace, "config_file", file)
    monkeypatch.setattr(Workspace, "_init", lambda _: "salt")
    for known in (False, True):
        monkeypatch.setattr(Workspace, "is_known", known)
        Workspace("prodd", "default").make_stack()

    told = capsys.readouterr().err.count("stack prodd is new, and has no Pulumi.prodd.yaml")
    assert told == (0 if has_file else 1)


def test_who_changes_a_sandboxs_stack_waits_for_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is told so, where Pulumi would say to delete the other's lock."""
    monkeypatch.setattr("sandbox.cluster.HOME", tmp_path)
    own = Workspace("platform", "default")
    seen: list[str] = []

    def wait() -> None:
        with own.alone(), own.alone():
            seen.append("second")

    with ThreadPoolExecutor() as other:
        with own.alone():
            waiting = other.submit(wait)
            while "waiting for another command" not in capsys.readouterr().err:
                assert not waiting.done()
                time.sleep(0.01)
            seen.append("first")
        waiting.result()

    assert seen == ["first", "second"]


def test_the_tables_of_a_stack_that_was_never_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say so, and what helps, before any program is asked."""
    monkeypatch.setattr(Workspace, "config", {})

    with pytest.raises(WorkspaceError, match="isn't deployed: run `make up STACK=a SANDBOX=b`"):
        tables.show(Workspace("a", "b"))


@pytest.mark.parametrize("stack", ["prod", "acme/prod", "acme/mesh/prod"])
def test_a_stack_of_an_organization_has_the_file_of_its_name(
    monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    """As Pulumi has it: else it would have no context, and be taken for the sandbox's."""
    listed = json.dumps([{"name": "dev"}, {"name": "acme/prod"}])
    monkeypatch.setattr(Workspace, "query", lambda *_, **__: listed)
    monkeypatch.setattr(Workspace, "config", {"mesh:context": "prod"})
    own = Workspace(stack, "default")

    assert own.config_file.name == "Pulumi.prod.yaml"
    assert own.is_known
    assert read_settings(own).bookinfo_host == "bookinfo.prod.localhost"


def test_a_context_in_an_esc_environment_is_not_overlooked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The stack would be taken for one of the sandbox, which has no such environments."""
    file = tmp_path / "Pulumi.prod.yaml"
    monkeypatch.setattr(Workspace, "config_file", file)

    file.write_text("environment: [mesh/prod]\n")
    with pytest.raises(WorkspaceError, match=r"ESC environment.* context in Pulumi.prod.yaml"):
        _ = Workspace("prod", "default").sandbox
    file.write_text("environment: [mesh/prod]\nconfig: {mesh:context: eu-1}\n")
    assert Workspace("prod", "default").sandbox is None


def test_kubectl_asks_the_cluster_of_the_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the file that the stack names, whatever the shell's own kubeconfig is."""
    file = tmp_path / "prod.yaml"
    file.write_text("contexts: [{name: prod, context: {cluster: c}}]\n")
    config = {"mesh:context": "prod", "mesh:kubeconfig": str(file)}
    asked: list[tuple[str, ...]] = []

    def query(_: Workspace, *arguments: str, standard_input: str | None = None) -> str:
        assert standard_input is None
        asked.append(arguments)
        if "json" in arguments:
            return json.dumps({"items": []})
        return "NAMESPACE\n" if arguments[-1] == "--all-namespaces" else ""

    monkeypatch.setattr(Workspace, "config", config)
    monkeypatch.setattr(Workspace, "query", query)
    monkeypatch.setattr(Workspace, "outputs", lambda _: {"context": "prod", "namespaces": []})
    monkeypatch.setattr(teardown, "_warn_of_users", lambda *_: None)
    own = Workspace("prod", "default")

    tables.show(own)
    teardown.check(own)

    assert len(asked) == 3
    assert {each[:5] for each in asked} == {
        ("kubectl", "--kubeconfig", str(file), "--context", "prod")
    }


def test_a_program_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback: a machine with a cluster of its own may lack kubectl."""
    monkeypatch.setattr(Workspace, "full_environment", {"PATH": ""})

    with pytest.raises(WorkspaceError, match="no-such-program isn't on PATH"):
        Workspace("prod", "default").query("no-such-program")


@pytest.mark.parametrize("operations", [[], [{"type": "creating"}]])
def test_an_update_that_was_cut_off_on_ones_own_cluster_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    operations: list[dict[str, str]],
) -> None:
    """Its lock and its state are the person's own: nothing is done unasked, nothing else run."""
    exported = json.dumps({"deployment": {"pending_operations": operations}})
    monkeypatch.setattr(Workspace, "config", {"mesh:context": "prod"})
    monkeypatch.setattr(Workspace, "query", lambda _, *command: exported * ("export" in command))

    recovery.recover(Workspace("prod", "default"))

    assert ("while it changed 1 objects" in capsys.readouterr().err) == bool(operations)


def test_a_destroy_names_the_pods_of_others_in_the_mesh(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before Pulumi asks whether to do it; the stack's own go with it."""
    pods = [("default", "shop/a"), ("default", "bookinfo/b"), ("default", "istio-system/c")]
    namespaces = {"namespaces": ["istio-system", "bookinfo"]}
    monkeypatch.setattr(Workspace, "config", {"mesh:context": "prod"})
    monkeypatch.setattr(Workspace, "cluster", Cluster(context="prod"))
    monkeypatch.setattr(Workspace, "kubectl", lambda *_: json.dumps({"items": []}))
    monkeypatch.setattr(Workspace, "outputs", lambda _: namespaces)
    monkeypatch.setattr(client, "connect", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(running_mesh, "injected_pods", lambda _: iter(pods))

    teardown.check(Workspace("prod", "default"))

    assert "will lose their istiod (docs/destroy.md): shop/a\n" in capsys.readouterr().err


@pytest.mark.parametrize(("kubernetes", "named"), [("1.15.12", True), ("1.36.0", False)])
def test_an_old_cluster_is_listed_without_a_watch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kubernetes: str, *, named: bool
) -> None:
    """Plugins since 4.29 would wait for ever for the end of its first list."""
    plugin = Plugin(version="4.32.0", program=tmp_path / "plugin", origin="installed")
    monkeypatch.setattr("sandbox.cluster.HOME", tmp_path)
    monkeypatch.setattr(kubernetes_plugin, "PULUMI_HOME", tmp_path)
    monkeypatch.setattr(Workspace, "config", {"mesh:kubeVersion": kubernetes})
    monkeypatch.setattr(Workspace, "_tools", (plugin, {"pulumi": tmp_path / "pulumi"}))

    environment = Workspace("dev", "default").environment

    assert ("KUBE_FEATURE_WatchListClient" in environment) is named
    assert environment["MESH_KUBERNETES_PLUGIN"] == "4.32.0"


@pytest.mark.parametrize("context", ["", "eu-1"])
def test_only_a_sandboxs_state_is_compressed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, context: str
) -> None:
    """The backend of a real cluster's stack is its owner's, and an older pulumi must read it."""
    monkeypatch.setattr("sandbox.cluster.HOME", tmp_path)
    monkeypatch.setattr(Workspace, "config", {"mesh:context": context})
    monkeypatch.setattr(kubernetes_plugin, "PULUMI_HOME", tmp_path)
    plugin = Plugin(version="4.32.0", program=tmp_path / "plugin", origin="installed")
    monkeypatch.setattr(Workspace, "_tools", (plugin, {"pulumi": tmp_path / "pulumi"}))

    environment = Workspace("dev", "default").environment

    switches = {name for name in environment if name.startswith("PULUMI_DIY_BACKEND_")}
    assert switches == (set() if context else FOLDER_BACKEND.keys())


def test_the_users_own_number_of_objects_at_a_time_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pulumi works on 32 at a time, unless PULUMI_PARALLEL says another number."""
    monkeypatch.setattr(Workspace, "environment", {})
    monkeypatch.delenv("PULUMI_PARALLEL", raising=False)
    workspace = Workspace("dev", "default")
    assert workspace.full_environment["PULUMI_PARALLEL"] == "32"

    monkeypatch.setenv("PULUMI_PARALLEL", "4")
    assert workspace.full_environment["PULUMI_PARALLEL"] == "4"
