"""The policy pack, run by the real engine: what it lets through, and what it refuses."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest
import yaml

from meshctl.workspace.stack import Workspace
from policy.cluster_scope import CLUSTER_SCOPED
from policy.rules import RULES

from .checkout import Checkout

BROKEN = {
    "images-pinned": (
        "Deployment shop/web: container main has image gcr.io/istio-release/web:latest"
    ),
    "images-from-allowed-registries": (
        "Deployment shop/web: container main has image gcr.io/istio-release/web:latest"
    ),
    "images-not-from-retired-hosts": (
        "Deployment shop/web: container main has image gcr.io/istio-release/web:latest"
    ),
    "workloads-injected": (
        "Deployment shop/web: its pods have no sidecar, and the namespace shop has team=shop"
    ),
    "mtls-strict-in-prod": "PeerAuthentication shop/mtls: mode PERMISSIVE",
    "gateway-ports-allowed": "Service shop/web: port 8080",
    "no-node-ports-in-prod": "Service shop/web: type NodePort",
    "app-stacks-own-no-cluster-objects": (
        "CustomResourceDefinition things.example.com: a CustomResourceDefinition "
        "in the app stack prod"
    ),
    "no-wildcard-hosts-in-app-stacks": "VirtualService shop/all: host *",
    "resources-set": "Deployment shop/web: container main has no resources.requests.cpu",
    "probes-set": "Deployment shop/web: container main has no readinessProbe",
    "crds-retained": (
        "CustomResourceDefinition things.example.com: deleteCrds is true in the stack prod"
    ),
}
"""What the program in lawless/ is told, by rule."""

Preview = Callable[[dict[str, object]], tuple[int, str]]


@pytest.fixture(scope="module")
def preview(checkout: Checkout, first_up: str) -> Iterator[Preview]:
    """Preview the program that breaks all rules, by a policy config; returns code and words."""
    assert first_up
    folder = checkout.folder / "tests" / "e2e" / "lawless"
    environment = {**os.environ, **Workspace("dev", checkout.sandbox.name).environment}
    del environment["PULUMI_STACK"]

    def run(*arguments: str) -> tuple[int, str]:
        answer = subprocess.run(
            ["pulumi", *arguments, "--stack", "prod", "--non-interactive"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return answer.returncode, answer.stdout + answer.stderr

    def judge(config: dict[str, object]) -> tuple[int, str]:
        file = folder / "policy-config.json"
        file.write_text(json.dumps(config))
        pack = os.path.relpath(checkout.folder / "policy", folder)
        return run("preview", "--policy-pack", pack, "--policy-pack-config", str(file))

    settings = {"lawless:mode": "app", "lawless:deleteCrds": "true"}
    (folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": settings}))
    code, said = run("stack", "init")
    assert code == 0, said
    yield judge
    run("stack", "rm", "--yes")
    shutil.rmtree(folder / "rendered", ignore_errors=True)


@pytest.mark.parametrize("name", [rule.name for rule in RULES])
def test_a_program_that_breaks_a_rule_is_refused(preview: Preview, name: str) -> None:
    """With that rule alone: the exit code isn't 0, and the message has object, value, remedy."""
    rule = next(rule for rule in RULES if rule.name == name)

    code, said = preview({"all": "disabled", name: "mandatory"})

    assert code != 0
    assert f"[mandatory]  {name}" in said
    assert f"{rule.says}: {rule.reason}." in said
    assert BROKEN[name] in said
    assert f"Remedy: {rule.remedy}." in said
    assert said.count("[mandatory]") == 1


def test_a_program_that_breaks_advice_is_told(preview: Preview) -> None:
    """With all rules advisory, it is told all of them and goes on."""
    code, said = preview({"all": "advisory"})

    assert code == 0, said
    for name, got in BROKEN.items():
        assert f"[advisory]  {name}" in said
        assert got in said


def test_a_policy_config_that_no_rule_knows(preview: Preview) -> None:
    """The engine checks the options that a rule declares."""
    code, said = preview({"gateway-ports-allowed": {"ports": "80"}})

    assert code != 0
    assert "gateway-ports-allowed" in said


def test_the_dev_stack_keeps_to_the_rules(deployed: Checkout) -> None:
    """What everybody starts with breaks no mandatory rule."""
    said = deployed.mesh("preview", "--policy-pack", "policy")

    assert "mesh@v1.0.0 (local: policy)" in said
    assert "[mandatory]" not in said
    assert "[advisory]  probes-set" in said


def test_up_is_refused_before_anything_changes(deployed: Checkout) -> None:
    """A rule that sees the stack as a whole stops `up` as early as the others do."""
    before = deployed.kubectl("get", "deployments", "-n", "bookinfo")["items"]

    with deployed.configured(injection="off", bookinfoTag="latest"):
        said = deployed.fails("up", POLICY="policy")

    assert "Deployment bookinfo/details-v1: its pods have " in said
    assert "examples-bookinfo-details-v1:latest. Remedy: set bookinfoTag" in said
    after = deployed.kubectl("get", "deployments", "-n", "bookinfo")["items"]
    assert [each["metadata"]["generation"] for each in after] == [
        each["metadata"]["generation"] for each in before
    ]


def test_the_kinds_of_no_namespace_are_the_cluster_s(deployed: Checkout) -> None:
    """The rule for app stacks knows what this Kubernetes has; objects that nobody keeps aside."""
    listed = deployed.shell(
        "kubectl api-resources --namespaced=false --no-headers --verbs=create,get"
    )
    known = {(group, kind) for group, kinds in CLUSTER_SCOPED.items() for kind in kinds}
    served = set()
    for line in listed.splitlines():
        *_, version, _, kind = line.split()
        served.add((version.rpartition("/")[0], kind))

    assert served - known == {("", "Namespace")}
