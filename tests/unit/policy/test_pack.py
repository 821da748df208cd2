"""The pack that Pulumi runs, the command for rendered YAML, and the docs of both."""

import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pulumi_policy
import pytest
import yaml
from pulumi_policy import EnforcementLevel, ResourceValidationArgs, StackValidationArgs
from typer.testing import CliRunner

from mesh.project import PROJECT
from meshctl.workspace import stack
from policy import pack, rendered
from policy.rule import Rule
from policy.rules import RULES

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "it", "namespace": "shop"},
    "spec": {"containers": [{"name": "main", "image": "istio/it:latest"}]},
}
TOLD = "Pod shop/it: container main has image istio/it:latest. Remedy: set bookinfoTag or tag"


def _options() -> pulumi_policy.PolicyResourceOptions:
    no_timeouts = pulumi_policy.PolicyCustomTimeouts(0, 0, 0)
    return pulumi_policy.PolicyResourceOptions(False, [], None, [], no_timeouts, [])


def _told(name: str, token: str, props: dict[str, Any]) -> list[str]:
    """Run a policy on a resource, with the options that the engine hands over by default."""
    policy = next(each for each in pack.policies() if each.name == name)
    options = next(dict(rule.defaults) for rule in RULES if rule.name == name)
    told: list[str] = []

    def report(message: str, urn: str | None = None) -> None:
        told.append(message)

    urn = f"urn:pulumi:test::mesh::{token}::it"
    if isinstance(policy, pulumi_policy.ResourceValidationPolicy):
        args = ResourceValidationArgs(token, props, urn, "it", _options(), None, options)
        policy.validate(args, report)
    elif isinstance(policy, pulumi_policy.StackValidationPolicy):
        made = pulumi_policy.PolicyResource(token, props, urn, "it", _options(), None, None, [], {})
        policy.validate(StackValidationArgs([made], options), report)
    return told


@pytest.fixture
def _stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "get_project", lambda: "mesh")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "test")
    pulumi.runtime.set_all_config({"mesh:deleteCrds": "true"})


@pytest.mark.usefixtures("_stack")
def test_a_resource_is_judged_as_a_kubernetes_object() -> None:
    """The message names the object, the value and the remedy; a patch is another's object."""
    (told,) = _told("images-pinned", "kubernetes:core/v1:Pod", POD)

    assert told.startswith(TOLD)
    assert _told("images-pinned", "kubernetes:core/v1:PodPatch", POD) == []
    assert _told("images-pinned", "mesh:index:Bookinfo", POD) == []


@pytest.mark.usefixtures("_stack")
def test_a_stack_is_judged_with_its_config() -> None:
    """The pack knows the stack's name and config, as the program does."""
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    (told,) = _told(
        "crds-retained", "kubernetes:apiextensions.k8s.io/v1:X", {**crd, "metadata": {}}
    )

    assert "deleteCrds is true in the stack test" in told


def test_a_policy_for_each_rule() -> None:
    """Under the rule's name and level, and the policy config may set its options."""
    policies = {policy.name: policy for policy in pack.policies()}

    assert list(policies) == [rule.name for rule in RULES]
    for rule in RULES:
        policy = policies[rule.name]
        assert policy.enforcement_level == EnforcementLevel(rule.level)
        assert policy.config_schema is not None
        assert policy.config_schema.properties == rule.options
        assert policy.description == f"{rule.says}: {rule.reason}."


def test_the_docs_have_every_rule() -> None:
    """The tables in docs/policy.md say what the pack says, and no more."""
    docs = (PROJECT / "docs" / "policy.md").read_text()

    rules = [line for line in docs.splitlines() if re.match(r"\| `[a-z-]+` \| (man|adv)", line)]
    assert rules == [
        f"| `{rule.name}` | {rule.level} | {rule.says} | {rule.reason} | {rule.remedy} |"
        for rule in RULES
    ]
    options = [line for line in docs.splitlines() if re.match(r"\| `[a-z-]+` \| `", line)]
    assert options == [
        f"| `{rule.name}` | `{name}` | `{json.dumps(of['default'])}` | {of['description']} |"
        for rule in RULES
        for name, of in rule.options.items()
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a folder with two objects, one of them in a List."""
    (tmp_path / "below").mkdir()
    (tmp_path / "a.yaml").write_text(yaml.safe_dump_all([POD, None]))
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    listed = {"apiVersion": "v1", "kind": "List", "items": [service]}
    (tmp_path / "below" / "b.yml").write_text(yaml.safe_dump(listed))
    return tmp_path


def _run(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(
        rendered.app, arguments, env={"STACK": None, "MODE": None, "POLICY_CONFIG": None}
    )
    return answer.exit_code, answer.output


def test_a_hostile_name_stays_in_its_line(tmp_path: Path) -> None:
    """A chart may be somebody else's: a name adds no line, and doesn't move the cursor."""
    hostile = "it\n1 objects checked, violations: 0 mandatory, 0 advisory\x1b[2A\u202e$(id)<b>"
    pod = {
        **POD,
        "metadata": {"name": hostile, "namespace": hostile},
        "spec": {"containers": [{"name": hostile, "image": "istio/it:latest"}]},
    }
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(pod))

    code, said = _run(str(tmp_path))

    assert code == 1
    assert [line for line in said.splitlines() if line.startswith("1 objects checked")] == [
        "1 objects checked, violations: 1 mandatory, 2 advisory"
    ]
    assert said.replace("\n", "").isprintable()
    assert r"it\n1 objects checked" in said


def test_rendered_yaml_that_breaks_a_mandatory_rule(folder: Path) -> None:
    """It is told as Pulumi tells it, and the exit code is 1."""
    code, said = _run(str(folder))

    assert code == 1
    assert "[mandatory] images-pinned: " in said
    assert TOLD in said
    assert said.endswith("2 objects checked, violations: 1 mandatory, 2 advisory\n")


def test_rendered_yaml_is_judged_by_the_team_s_config(folder: Path, tmp_path: Path) -> None:
    """The same file as --policy-pack-config takes; an advisory violation is no failure."""
    config = tmp_path / "config.json"
    config.write_text('{"all": "advisory", "probes-set": {"enforcementLevel": "disabled"}}')

    code, said = _run(str(folder), "--config", str(config))

    assert code == 0
    assert "[advisory] images-pinned: " in said
    assert "probes-set" not in said


def test_rendered_yaml_of_an_app_is_judged_as_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the mode in the stack's file; without a file it is the default, unless MODE says else."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {}}
    (folder / "c.yaml").write_text(yaml.safe_dump(role))
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text((PROJECT / "Pulumi.yaml").read_text())
    (project / "Pulumi.ann.yaml").write_text("config: {mesh:mode: app}")
    (project / "Pulumi.bob.yaml").write_text("config: {mesh:mode: apps}")
    monkeypatch.setattr(stack, "PROJECT", project)
    told = "[mandatory] app-stacks-own-no-cluster-objects: "

    assert told in _run(str(folder), "--stack", "ann")[1]
    assert told not in _run(str(folder), "--stack", "none")[1]
    assert told in _run(str(folder), "--stack", "none", "--mode", "app")[1]
    with pytest.raises(
        rendered.RenderedError, match=r"Pulumi.bob.yaml: mode is apps, but must be one of plat"
    ):
        rendered.check(folder, "bob", None, None)


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        (
            {"image-pinned": "disabled"},
            "there is no rule image-pinned; the rules are images-pinned",
        ),
        (
            {"images-pinned": "off"},
            "images-pinned is off, but must be one of mandatory, advisory, disabled",
        ),
        ({"gateway-ports-allowed": {"ports": ["80"]}}, "'80' is not of type 'integer'"),
        ({"images-pinned": {"digests": True}}, "'digests' was unexpected"),
    ],
)
def test_a_policy_config_with_a_mistake(config: dict[str, Any], rule: str) -> None:
    """What it misspells is refused: a rule that isn't applied would pass in silence."""
    with pytest.raises(rendered.RenderedError, match=re.escape(rule)):
        rendered.configured(config)


@pytest.mark.parametrize(("text", "rule"), [(None, "make render"), ("a: [", "isn't valid YAML")])
def test_a_folder_that_cannot_be_judged(tmp_path: Path, text: str | None, rule: str) -> None:
    """An empty folder passes nothing."""
    if text is not None:
        (tmp_path / "a.yaml").write_text(text)

    with pytest.raises(rendered.RenderedError, match=rule):
        rendered.read(tmp_path)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_s_defaults_are_what_its_options_allow(rule: Rule) -> None:
    """Else the engine would refuse the pack without any config."""
    assert rendered.configured({})[rule.name] == (rule.level, rule.defaults)
