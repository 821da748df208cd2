"""Which programs a render runs: the stack's own, and that of the platform that it stands on."""

from pathlib import Path

import pytest

from meshctl.render import program
from meshctl.render.program import RenderError
from meshctl.workspace import stack
from meshctl.workspace.stack import Workspace


@pytest.fixture(autouse=True)
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep the stacks' files in a folder of the test's own, with a platform's in it."""
    (tmp_path / "Pulumi.yaml").write_text((stack.PROJECT / "Pulumi.yaml").read_text())
    (tmp_path / "Pulumi.platform.yaml").write_text("config: {mesh:mode: platform}\n")
    monkeypatch.setattr(stack, "PROJECT", tmp_path)
    return tmp_path


def stacks(checkout: Path, config: str) -> list[str]:
    """Name the stacks whose programs are run for one with a config."""
    (checkout / "Pulumi.ann.yaml").write_text(f"config: {{{config}}}")
    return [each.stack for each in program.stacks(Workspace("ann", "none"))]


@pytest.mark.parametrize("name", ["platform", "team/mesh/platform"])
def test_an_apps_platform_is_run_first(checkout: Path, name: str) -> None:
    """Its outputs are what the app's program asks for."""
    config = f"mesh:mode: app, mesh:platformStack: {name}"

    assert stacks(checkout, config) == ["platform", "ann"]


@pytest.mark.parametrize("config", ["", "mesh:mode: app, mesh:platformContract: {contract: 1}"])
def test_a_stack_that_asks_no_other_is_run_alone(checkout: Path, config: str) -> None:
    """It is whole, or its own config says what the platform is."""
    assert stacks(checkout, config) == ["ann"]


@pytest.mark.parametrize("name", ["prod", "team/other/platform"])
def test_a_platform_of_another_repository_is_one_message(checkout: Path, name: str) -> None:
    """With what helps; a file of the same name, of another project, isn't it."""
    with pytest.raises(RenderError, match=f"ann uses the platform {name}, .* by platformContract"):
        stacks(checkout, f"mesh:mode: app, mesh:platformStack: {name}")


def test_what_is_applied_to_one_object_in_steps_is_one_object() -> None:
    """Such as a namespace, and the label by which it uses a waypoint once that is ready."""
    metadata = {"name": "bookinfo", "labels": {"team": "a"}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    label = {"istio.io/use-waypoint": "waypoint"}
    patch = {**namespace, "metadata": {"name": "bookinfo", "labels": label}}
    other = {**namespace, "metadata": {"name": "other"}}

    assert program.merged([namespace, other, patch]) == [
        {**namespace, "metadata": {**metadata, "labels": {"team": "a", **label}}},
        other,
    ]
