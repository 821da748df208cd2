"""The stack's cluster: named, or refused; never whatever is current."""

from pathlib import Path

import pulumi
import pytest
import yaml

from mesh.kubernetes import cluster
from mesh.kubernetes.cluster import SANDBOX, Cluster


def kubeconfig(file: Path, *contexts: str, current: str = "") -> Path:
    """Write a kubeconfig file with these contexts."""
    content = {
        "current-context": current,
        "contexts": [{"name": name, "context": {}} for name in contexts],
    }
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from a home with a current context and no variable set."""
    monkeypatch.delenv(SANDBOX, raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(pulumi, "get_stack", lambda: "test")
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube" / "config", "home", "work", current="work")


def refusal(context: str | None = None, file: Path | None = None) -> str:
    """Return the message that a choice is refused with."""
    with pytest.raises(pulumi.RunError) as caught:
        cluster.choose(context, file)
    return str(caught.value)


def test_the_current_context_is_never_used_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither home's nor $KUBECONFIG's: the message names both ways to choose."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "k", "prod", current="prod")))

    message = refusal()

    assert "`pulumi config set context NAME`" in message
    assert '`eval "$(make -s env)"`' in message


def test_the_sandbox_is_its_files_current_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make env` names a file, and the file names the rest."""
    file = kubeconfig(tmp_path / "sandbox", "kwok-mesh", current="kwok-mesh")
    monkeypatch.setenv(SANDBOX, str(file))

    assert cluster.choose(None, None) == Cluster(kubeconfig=file, context="kwok-mesh")


def test_a_sandbox_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell may outlive its sandbox; home's kubeconfig is no substitute."""
    monkeypatch.setenv(SANDBOX, str(tmp_path / "gone"))

    assert f"{SANDBOX} names {tmp_path}/gone, which is no file" in refusal()


def test_two_named_clusters_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either choice would deploy to a cluster that somebody didn't mean."""
    file = kubeconfig(tmp_path / "sandbox", "kwok-mesh", current="kwok-mesh")
    monkeypatch.setenv(SANDBOX, str(file))

    assert f"context 'home' by the stack's config, and the sandbox by {SANDBOX}" in refusal("home")


def test_a_named_context_is_found_at_home(tmp_path: Path) -> None:
    """As kubectl does, when nothing names another file."""
    found = cluster.choose("home", None)

    assert found == Cluster(context="home")
    assert found.files == [tmp_path / ".kube" / "config"]


def test_a_named_context_is_found_in_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of $KUBECONFIG's files; those that don't exist are skipped."""
    first = kubeconfig(tmp_path / "first", "one")
    second = kubeconfig(tmp_path / "second", "one", "two")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/absent:{first}:{second}:")

    assert str(cluster.choose("two", None)).endswith(f"({tmp_path}/absent, {first}, {second})")
    assert "which has one, two;" in refusal("three")


def test_a_named_file_is_the_only_one_looked_at(tmp_path: Path) -> None:
    """A stack that names a file means that file."""
    file = kubeconfig(tmp_path / "mine", "one")

    assert cluster.choose("one", file).kubeconfig == file
    assert f"no context 'home' in {file}, which has one;" in refusal("home", file)


def test_a_context_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    """The right name is one copy and paste away."""
    message = refusal("wrok")

    assert f"no context 'wrok' in {tmp_path}/.kube/config, which has home, work;" in message
    assert "pulumi config set context NAME" in message


def test_a_file_that_is_not_for_us_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's own, such as k3s writes."""

    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)

    assert f"{tmp_path}/.kube/config can't be read: Permission denied" in refusal("home")


@pytest.mark.parametrize(
    "content",
    [
        *("a: [", "just text", "- a\n- b", "[" * 5000 + "]" * 5000, "\0"),
        *("contexts: [1]", "contexts: home", "contexts: {home: {}}", "contexts: [{context: {}}]"),
        "contexts: [{name: home, context: [1]}]",
    ],
)
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path: Path, content: str) -> None:
    """No traceback of a parser."""
    file = tmp_path / "broken"
    file.write_text(content)

    assert f"{file} is no kubeconfig" in refusal("home", file)


def provider_options(
    monkeypatch: pytest.MonkeyPatch, kube_version: str, file: Path | None = None
) -> dict[str, object]:
    """Return what the provider of a cluster is made with."""
    options: dict[str, object] = {}
    monkeypatch.setattr(
        cluster.kubernetes, "Provider", lambda _, **arguments: options.update(arguments)
    )
    target = Cluster(kubeconfig=file, context="c")
    cluster.provider("cluster", target, kube_version=kube_version)
    return options


@pytest.mark.parametrize("file", [None, Path("~/.kube/prod"), Path("kube/prod.yaml")])
def test_the_state_holds_no_path_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, file: Path | None
) -> None:
    """Another one, or the same after a clean-up, could neither preview nor destroy the stack.

    The plugin takes a path that isn't there for a kubeconfig's content, and fails on it, on the
    old one too: provider/pkg/provider/provider.go, DiffConfig. Empty is where kubectl looks, and
    the SDK would fill in $KUBECONFIG for None.
    """
    options = provider_options(monkeypatch, "1.36.0", file)

    assert options["kubeconfig"] == (str(file) if file else "")


@pytest.mark.parametrize(("kube_version", "given"), [("1.15.12", False), ("1.18.0", None)])
def test_an_old_api_server_is_sent_no_server_side_apply(
    monkeypatch: pytest.MonkeyPatch, kube_version: str, *, given: bool | None
) -> None:
    """The plugin doesn't ask the server: provider/pkg/provider/provider.go, its Configure."""
    options = provider_options(monkeypatch, kube_version)

    assert options["enable_server_side_apply"] is given


def test_nobody_is_warned_of_what_only_a_release_can_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of hooks, and of old API versions: provider/pkg/provider/provider.go, its Check."""
    options = provider_options(monkeypatch, "1.15.12")

    assert options["suppress_helm_hook_warnings"] is True
    assert options["suppress_deprecation_warnings"] is True
