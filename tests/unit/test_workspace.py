"""Where a stack's Pulumi runs: which programs it is given."""

from pathlib import Path

import pytest

from mesh import tables
from mesh.workspace import Workspace, WorkspaceError


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


def test_the_tables_of_a_stack_that_was_never_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say so, and what helps, before any program is asked."""
    monkeypatch.setattr(Workspace, "config", {})

    with pytest.raises(WorkspaceError, match="stack dev has nothing deployed: `make up`"):
        tables.show(Workspace("dev", "a-sandbox-that-never-was"))


def test_the_tables_are_of_the_cluster_that_the_config_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its context may be in a file that only the setting kubeconfig names."""
    file = tmp_path / "config"
    file.write_text("contexts: [{name: my-cluster}]")
    config = {"mesh:context": "my-cluster", "mesh:kubeconfig": str(file)}
    monkeypatch.setattr(Workspace, "config", config)
    deployed = {"namespaces": ["istio-system"], "context": "my-cluster"}
    monkeypatch.setattr(Workspace, "outputs", lambda _: deployed)
    asked = []
    monkeypatch.setattr(
        Workspace, "query", lambda _, *words, **__: asked.append(words) or "NAMESPACE"
    )

    tables.show(Workspace("dev", "default"))

    where = ("kubectl", "--kubeconfig", str(file), "--context", "my-cluster")
    assert [words[:5] for words in asked] == [where, where]
