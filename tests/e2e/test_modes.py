"""A platform and the app stacks on it: several at a time, and none touches another."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox.cluster import Sandbox

from .checkout import Checkout
from .istiod import Istiod, eventually

KINDS = "namespaces,deployments,services,serviceaccounts,gateways.networking.istio.io"
KINDS += ",virtualservices,destinationrules"
BY_HAND = ("bob", "cy")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Return a checkout with an empty sandbox: on that of other tests nobody else fits."""
    sandbox = Sandbox(f"e2e-modes-{os.getpid()}")
    yield Checkout.make(tmp_path_factory.mktemp("team"), sandbox)
    sandbox.down()


@pytest.fixture(scope="module")
def first(team: Checkout) -> str:
    """Return what the first developer's `make dev` said, on a machine that has nothing up."""
    return team.mesh("dev", "--name", "Ann")


@pytest.fixture(scope="module")
def stacks(team: Checkout, first: str) -> Checkout:
    """Bring up two more, by plain pulumi and at the same time."""
    assert first
    lines = [
        "pulumi stack init --no-select {0}",
        "pulumi config set mode app --stack {0}",
        "pulumi config set platformStack platform --stack {0}",
        "pulumi up --yes --skip-preview --stack {0}",
    ]
    _side_by_side(team, "\n".join(lines))
    return team


def test_a_developer_goes_from_nothing_to_a_url(team: Checkout, first: str) -> None:
    """The platform comes first, the name is made fit, and the last line is where to look."""
    assert "Ann isn't a valid name for a stack and for Kubernetes: using ann" in first
    assert "has no platform: deploying it takes half a minute" in first
    last = first.rstrip().splitlines()[-1]
    assert "http://bookinfo.ann.localhost/productpage" in last
    assert (team.folder / "Pulumi.ann.yaml").exists()
    assert team.changes(stack="ann") == {}


def test_each_is_reached_under_its_own_host_only(stacks: Checkout) -> None:
    """As istiod tells the shared gateway: a host for each, and nobody answers for all."""
    selector = ("-n", "istio-system", "-l", "istio=ingressgateway")
    (gateway,) = stacks.kubectl("get", "pods", *selector)["items"]
    expected = {
        f"bookinfo.{name}.localhost": {
            f"outbound|9080||productpage.bookinfo-{name}.svc.cluster.local"
        }
        for name in ("ann", *BY_HAND)
    }

    def is_as_expected() -> bool:
        hosts = Istiod.of(stacks).way_in(gateway, 80)
        return {host.removesuffix(":*"): to for host, to in hosts.items()} == expected

    eventually(is_as_expected)


def test_a_change_of_one_changes_nothing_of_others(stacks: Checkout) -> None:
    """Two are changed at the same time, and not an object outside of their namespaces."""
    before = _generations(stacks)

    _side_by_side(
        stacks,
        "pulumi config set --path trafficPlan.all.to v1 --stack {0}\n"
        "pulumi up --yes --skip-preview --stack {0}",
    )

    after = _generations(stacks)
    changed = {namespace for namespace, *_ in set(before.items()) ^ set(after.items())}
    assert {name for name, _ in changed} == {f"bookinfo-{name}" for name in BY_HAND}


def test_two_stacks_never_share_a_name(stacks: Checkout) -> None:
    """Whose names come to the same: the second one is refused, with the first one's name."""
    config = {"mesh:mode": "app", "mesh:platformStack": "platform"}
    (stacks.folder / "Pulumi.Bob.yaml").write_text(yaml.safe_dump({"config": config}))

    said = stacks.fails("preview", stack="Bob")

    assert "isn't a valid name in Kubernetes: using bookinfo-bob and bookinfo.bob.localhost" in said
    assert re.search(r"Namespace bookinfo-bob, by pulumi-kubernetes-\w+, of stack mesh/bob", said)
    assert "host bookinfo.bob.localhost" not in said


def test_a_host_is_one_stacks(stacks: Checkout) -> None:
    """Under one host two would answer in turn, or neither."""
    stacks.shell("pulumi config set bookinfoHost bookinfo.bob.localhost --stack cy")
    try:
        said = stacks.fails("preview", stack="cy")
    finally:
        stacks.shell("pulumi config rm bookinfoHost --stack cy")

    assert "host bookinfo.bob.localhost, of stack mesh/bob in namespace bookinfo-bob" in said


def test_a_renamed_stack_keeps_its_application(stacks: Checkout) -> None:
    """The preview says what would move, and the commands of its message keep all (pulumi#7421)."""
    mark = "kubectl annotate --overwrite namespace bookinfo-cy mesh.pulumi.com/stack=mesh/"
    stacks.shell("pulumi stack rename zoe --stack cy")
    try:
        said = stacks.fails("preview", stack="zoe")
        assert "mesh:bookinfoNamespace: would move from bookinfo-cy to bookinfo-zoe" in said
        assert "mesh:bookinfoHost: would move from bookinfo.cy.localhost" in said
        assert f"{mark}zoe" in said

        stacks.shell(
            f"{mark}zoe; pulumi config set bookinfoNamespace bookinfo-cy --stack zoe; "
            "pulumi config set bookinfoHost bookinfo.cy.localhost --stack zoe"
        )
        assert set(stacks.changes(stack="zoe").values()) <= {"update"}
    finally:
        stacks.shell(
            f"pulumi stack rename cy --stack zoe; {mark}cy; "
            "pulumi config rm bookinfoNamespace --stack cy; "
            "pulumi config rm bookinfoHost --stack cy"
        )
    assert stacks.changes(stack="cy") == {}


def test_a_platform_in_use_is_not_destroyed(stacks: Checkout) -> None:
    """It names who stands on it."""
    said = stacks.fails("destroy", stack="platform")

    assert "platform of mesh/ann, mesh/bob, mesh/cy: destroy those first" in said


def test_the_render_of_an_app_is_what_up_applied(stacks: Checkout, tmp_path: Path) -> None:
    """The platform's program says what a backend would: gateway, port, trust domain, revision."""
    applied = [each for each in stacks.state("bob") if each["type"].startswith("kubernetes:")]

    said = stacks.mesh("render", str(tmp_path / "bob"), stack="bob")

    assert f"{len(applied)} objects in" in said
    # Fails where anything differs.
    options = "--server-side --force-conflicts --recursive"
    stacks.shell(f"kubectl diff {options} --filename {tmp_path / 'bob'}")


def test_a_review_stack_comes_and_goes_from_machine_to_machine(
    stacks: Checkout, tmp_path: Path
) -> None:
    """As a workflow has it: a context, a backend, nobody to ask, and no file from the last run."""
    before = _generations(stacks)
    sandbox = stacks.sandbox
    given = {
        "PULUMI_BACKEND_URL": sandbox.state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(sandbox.passphrase_file),
        "PULUMI_HOME": str(tmp_path / "pulumi"),
    }
    platform = {"mesh:mode": "platform", "mesh:context": sandbox.context}

    def runner(*arguments: str) -> str:
        """Run a command in a checkout that nobody used before, and return the comment."""
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        machine = Checkout.make(folder, sandbox)
        # Of the last machine's paths nothing is there.
        given["KUBECONFIG"] = str(folder / "its-kubeconfig")
        for file in tmp_path.glob("*/its-kubeconfig"):
            file.unlink()
        (folder / "its-kubeconfig").write_text(sandbox.kubeconfig.read_text())
        (folder / "Pulumi.platform.yaml").write_text(yaml.safe_dump({"config": platform}))
        named = ("--name", "pr-7", "--comment", "review.md")
        machine.mesh(*arguments, *named, "--", "--yes", "--skip-preview", **given)
        return (folder / "review.md").read_text()

    url = "http://pr-7.review.example.com"
    for _ in ("opened", "pushed to"):
        assert url in runner("dev", "--domain", "review.example.com")
    assert "is removed" in runner("dev-rm")

    assert _generations(stacks) == before
    assert "pr-7" not in stacks.pulumi("stack", "ls").split()
    assert "is removed" in runner("dev-rm")


def test_removing_one_leaves_nothing_of_it(stacks: Checkout) -> None:
    """No namespace, stack or file; the others, and the platform, are as they were."""
    before = _generations(stacks)

    stacks.mesh("dev-rm", "--name", "Ann")

    gone = {at: what for at, what in before.items() if at[0] != "bookinfo-ann"}
    assert _generations(stacks) == gone
    assert not (stacks.folder / "Pulumi.ann.yaml").exists()
    assert "ann" not in stacks.pulumi("stack", "ls").split()
    assert not list(stacks.sandbox.folder.glob("*ann*"))

    _side_by_side(stacks, "pulumi destroy --yes --skip-preview --stack {0}")

    assert {name for name, _ in _generations(stacks)} >= {"istio-system"}
    assert not any("bookinfo" in name for name, _ in _generations(stacks))
    assert stacks.changes(stack="platform") == {}


def _side_by_side(checkout: Checkout, line: str) -> None:
    """Run a line of a shell for each of two stacks, at the same time."""
    started = "\n".join(f"( {line.format(name)} ) & jobs+=($!)" for name in BY_HAND)
    checkout.shell(f'{started}\nfor job in "${{jobs[@]}}"; do wait "$job"; done')


def _generations(checkout: Checkout) -> dict[tuple[str, str], tuple[str, int]]:
    """Return each object's identity and how often it was changed, by namespace and name."""
    listed = checkout.kubectl("get", KINDS, "--all-namespaces")["items"]
    return {
        (
            each["metadata"].get("namespace", each["metadata"]["name"]),
            f"{each['kind']}/{each['metadata']['name']}",
        ): (each["metadata"]["uid"], each["metadata"].get("generation", 0))
        for each in listed
    }
