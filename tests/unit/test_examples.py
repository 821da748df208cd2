"""The example stacks: each is one that a person can deploy as it is."""

import json
from pathlib import Path

import pytest
import yaml

from mesh.project import PROJECT
from mesh.settings.platform_contract import OUTPUT
from tests.fakes.engine import CONTRACT, FakeCluster, RecordingEngine, run

EXAMPLES = sorted((PROJECT / "examples").glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.name.split(".")[1])
def test_an_example_is_a_stack_without_mistakes(
    release_dir: Path, tmp_path: Path, example: Path
) -> None:
    """Its settings are known, the release knows what they name, and the program makes all of it."""
    given = yaml.safe_load(example.read_text())["config"]
    config = {
        key.removeprefix("mesh:"): value if isinstance(value, str) else json.dumps(value)
        for key, value in given.items()
    }
    # The release is the platform's: an app stack has none of its own. A fresh checkout has no CRDs
    # of the Gateway API.
    own = {"releaseDir": str(release_dir), "gatewayApiCrds": "cluster"}
    releases = {} if config.get("mode") == "app" else own
    cluster = FakeCluster()
    cluster.stacks["platform"] = {OUTPUT: CONTRACT}
    deployed = RecordingEngine(cluster)

    run(deployed, tmp_path, slim=True, **{**releases, **config})

    assert "bookinfoUrl" in deployed.outputs
    assert "Deployment/bookinfo-productpage-v1" in deployed.requests
