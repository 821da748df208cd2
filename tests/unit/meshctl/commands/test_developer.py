"""A developer's own stack, or a pull request's: its name, its file, and what is done with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest
import yaml
from typer.testing import CliRunner

from meshctl.commands import developer, tables
from meshctl.commands.app import app
from meshctl.workspace import stack
from meshctl.workspace.stack import Workspace, WorkspaceError

URL = "http://pr-7.review.example.com/productpage"


@pytest.fixture(autouse=True)
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep the stacks' files in a folder of the test's own, with the project's defaults."""
    (tmp_path / "Pulumi.yaml").write_text((stack.PROJECT / "Pulumi.yaml").read_text())
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    monkeypatch.setattr(stack, "PROJECT", tmp_path)
    return tmp_path


def test_the_stack_is_named_by_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the one who asks, unless a name is given; made fit for Kubernetes."""
    monkeypatch.setattr("getpass.getuser", lambda: "Ann.Smith")

    assert developer.workspace("", "default").stack == "ann-smith"
    assert developer.workspace("bob", "default").stack == "bob"


@pytest.mark.parametrize(("name", "rule"), [("__", "no letter"), ("dev", "mode is standalone")])
def test_a_name_that_makes_no_stack_is_refused(name: str, rule: str) -> None:
    """Nothing is left of it, or it is another kind of stack's."""
    with pytest.raises(WorkspaceError, match=rule):
        developer.workspace(name, "default")


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


def test_the_platform_and_the_domain_may_be_others(checkout: Path) -> None:
    """The host is the stack's name in the domain, lest two stacks ask for the same one."""
    (checkout / "Pulumi.prod.yaml").write_text("config: {mesh:context: eu-1}\n")
    own = Workspace("pr-7", "default")

    developer.write_config(own, Workspace("prod", "default"), "review.example.com")

    assert yaml.safe_load(own.config_file.read_text())["config"] == {
        "mesh:mode": "app",
        "mesh:platformStack": "prod",
        "mesh:context": "eu-1",
        "mesh:bookinfoHost": "pr-7.review.example.com",
    }


@pytest.fixture
def run(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., list[tuple[str, ...]]]:
    """Run a command as a workflow does, on the platform `prod`; return what Pulumi was told."""
    (checkout / "Pulumi.prod.yaml").write_text("config: {mesh:context: eu-1}\n")
    told: list[tuple[str, ...]] = []

    def run(*arguments: str, stacks: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        def pulumi(
            self: Workspace, command: str, option: str, _events: str, *words: str, output: TextIO
        ) -> int:
            output.write("what Pulumi prints\n")
            assert self.config_file.exists()
            assert option == "--event-log"
            told.append((command, *words, self.stack))
            return 0

        def query(_: Workspace, *words: str) -> str:
            told.extend([(*words[1:3], words[3])] if words[2] in ("init", "rm") else [])
            answers = {
                "ls": [{"name": f"team/{name}"} for name in stacks],
                "export": {"deployment": {}},
            }
            return json.dumps(answers.get(words[2], {"bookinfoUrl": URL}))

        monkeypatch.setattr(Workspace, "environment", {})
        monkeypatch.setattr(Workspace, "records", tmp_path / "updates")
        monkeypatch.setattr(Workspace, "pulumi", pulumi)
        monkeypatch.setattr(Workspace, "query", query)
        monkeypatch.setattr(tables, "show", lambda _: None)
        environment = {"PLATFORM_STACK": "prod", "APP_DOMAIN": None, "POLICY": "policy"}
        answer = CliRunner().invoke(app, arguments, env=environment)
        assert answer.exit_code == 0, answer.output
        return told

    return run


def test_a_review_stack_is_brought_up_without_a_question(
    run: Callable[..., list[tuple[str, ...]]], checkout: Path, tmp_path: Path
) -> None:
    """Made in the backend when it isn't there, judged by the rules, and the comment has its URL."""
    comment = tmp_path / "review.md"

    told = run("dev", "--name", "pr-7", "--comment", str(comment), "--", "--yes")

    assert told == [
        ("stack", "init", "pr-7"),
        ("up", "--skip-preview=false", "--policy-pack=policy", "--yes", "pr-7"),
    ]
    assert "mesh:platformStack: prod" in (checkout / "Pulumi.pr-7.yaml").read_text()
    assert comment.read_text().endswith(f"Review stack `pr-7` is up, as of the last push: {URL}\n")


def test_a_review_stack_is_removed_where_its_file_never_was(
    run: Callable[..., list[tuple[str, ...]]], checkout: Path, tmp_path: Path
) -> None:
    """Another machine brought it up; the file is only there as long as it is needed."""
    comment = tmp_path / "review.md"
    arguments = ("dev-rm", "--name", "pr-7", "--comment", str(comment), "--", "--yes")

    told = run(*arguments, stacks=("prod", "pr-7"))

    assert told == [("destroy", "--yes", "pr-7"), ("stack", "rm", "pr-7")]
    assert not (checkout / "Pulumi.pr-7.yaml").exists()
    assert comment.read_text().endswith("Review stack `pr-7` is removed.\n")


def test_a_stack_that_is_not_there_is_removed_already(
    run: Callable[..., list[tuple[str, ...]]], checkout: Path
) -> None:
    """Its first `up` may have failed before there was one: no new one is made for it."""
    assert run("dev-rm", "--name", "pr-7", "--", "--yes", stacks=("prod",)) == []
    assert not (checkout / "Pulumi.pr-7.yaml").exists()


def test_a_sandbox_with_another_stacks_istio_is_refused(
    monkeypatch: pytest.MonkeyPatch, checkout: Path, tmp_path: Path
) -> None:
    """Before anything is changed, with what helps; apps and empty stacks are no obstacle."""
    monkeypatch.setattr("sandbox.cluster.HOME", tmp_path)
    (checkout / "Pulumi.ann.yaml").write_text("config: {mesh:mode: app}\n")
    counts = {"platform": 9, "ann": 9, "dev": 0}
    monkeypatch.setattr(
        Workspace,
        "query",
        lambda *_: json.dumps([{"name": k, "resourceCount": v} for k, v in counts.items()]),
    )
    platform = Workspace("platform", "default")
    assert platform.sandbox is not None
    platform.sandbox.keep_state()
    developer.refuse_other_mesh(platform)
    counts["dev"] = 3
    monkeypatch.setattr("meshctl.commands.app._ready", lambda *_: pytest.fail("something was made"))

    answer = CliRunner().invoke(app, ["dev", "--name", "ann"], env={"PLATFORM_STACK": None})

    assert isinstance(answer.exception, WorkspaceError)
    remedies = "  make destroy STACK=dev SANDBOX=default\n  make dev SANDBOX=team"
    assert str(answer.exception).endswith(remedies)
