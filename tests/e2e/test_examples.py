"""The example stacks: up, no change after, to the next minor of Istio in place, and down."""

import os
import re
from collections.abc import Iterator

import pytest
import yaml

from mesh.project import PROJECT
from sandbox.cluster import Sandbox
from tests.fakes.engine import find_release

from .checkout import Checkout
from .istiod import eventually

NEWEST = "1.31.0-rc.0"
ELSEWHERE = {"app", "cluster", "https", "waypoints"}
"""Examples that need another stack or a certificate, or leave CRDs of the Gateway API.

test_modes.py, test_several_clusters.py, test_https.py and test_waypoints.py deploy such.
"""
EXAMPLES = {
    name: file
    for file in sorted((PROJECT / "examples").glob("*.yaml"))
    if (name := file.name.split(".")[1]) not in ELSEWHERE
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Return a checkout with a sandbox that each example finds empty."""
    sandbox = Sandbox(f"e2e-examples-{os.getpid()}")
    yield Checkout.make(tmp_path_factory.mktemp("examples"), sandbox)
    sandbox.down()


def _settles(checkout: Checkout) -> None:
    """See that nothing is left to change, once autoscalers have set what is theirs."""
    eventually(lambda: checkout.changes("--refresh") == {})


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_comes_is_upgraded_and_goes(empty: Checkout, name: str) -> None:
    """Nothing is left to change after `up`, and Istio's next minor replaces nothing."""
    given = yaml.safe_load(EXAMPLES[name].read_text())["config"]
    settings = {key.removeprefix("mesh:"): value for key, value in given.items()}
    settings["deleteCrds"] = True  # the next example finds none

    with empty.configured(**settings):
        empty.mesh("up")
        _settles(empty)

    newer = {"istioVersion": NEWEST, "releaseDir": str(find_release(NEWEST))}
    with empty.configured(**settings, **newer):
        said = empty.mesh("up")
        assert re.search(r"^ +~ ?\d+ updated$", said, re.MULTILINE)
        assert not re.search(r"^ +(\+-|-) ?\d+ (replaced|deleted)$", said, re.MULTILINE)
        _settles(empty)
        empty.mesh("destroy")

    assert empty.kubectl("get", "crds")["items"] == []
