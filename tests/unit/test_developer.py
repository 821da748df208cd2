"""A developer's own stack: whose name it gets, and what its file says."""

from pathlib import Path

import pytest
import yaml

from mesh import developer, workspace
from mesh.workspace import Workspace, WorkspaceError


@pytest.fixture(autouse=True)
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep the stacks' files in a folder of the test's own, with the project's defaults."""
    (tmp_path / "Pulumi.yaml").write_text((workspace.PROJECT / "Pulumi.yaml").read_text())
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    monkeypatch.setattr(workspace, "PROJECT", tmp_path)
    return tmp_path


def test_the_stack_is_named_by_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the one who asks, unless a name is given; made fit for Kubernetes."""
    monkeypatch.setattr("getpass.getuser", lambda: "Ann.Smith")

    assert developer.workspace("", "default", "auto").stack == "ann-smith"
    assert developer.workspace("bob", "default", "auto").stack == "bob"


@pytest.mark.parametrize(("name", "rule"), [("__", "no letter"), ("dev", "mode is standalone")])
def test_a_name_that_makes_no_stack_is_refused(name: str, rule: str) -> None:
    """Nothing is left of it, or it is another kind of stack's."""
    with pytest.raises(WorkspaceError, match=rule):
        developer.workspace(name, "default", "auto")


def test_the_file_is_the_template_on_the_platforms_cluster(checkout: Path) -> None:
    """One that is there is the developer's own, and stays."""
    (checkout / "Pulumi.platform.yaml").write_text("config: {mesh:context: 'team:1'}\n")
    own, platform = Workspace("ann", "default"), Workspace("platform", "default")

    developer.write_config(own, platform)

    config = yaml.safe_load(own.config_file.read_text())["config"]
    assert config == {
        "mesh:mode": "app",
        "mesh:platformStack": "platform",
        "mesh:context": "team:1",
    }
    own.config_file.write_text("config: {mesh:mode: app}\n")
    developer.write_config(own, platform)
    assert own.config_file.read_text() == "config: {mesh:mode: app}\n"
