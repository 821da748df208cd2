"""The example stacks: each is one that a person can deploy as it is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mesh.release import PROJECT

from .engine import RecordingEngine

EXAMPLES = sorted((PROJECT / "examples").glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.name.split(".")[1])
def test_an_example_is_a_stack_without_mistakes(
    run_program: Callable[..., RecordingEngine], example: Path
) -> None:
    """Its settings are known, the release knows what they name, and the program makes all of it."""
    config = yaml.safe_load(example.read_text())["config"]
    deployed = run_program(
        **{
            key.removeprefix("mesh:"): value if isinstance(value, str) else json.dumps(value)
            for key, value in config.items()
        }
    )

    assert "bookinfoUrl" in deployed.outputs
    assert "Deployment/bookinfo-productpage-v1" in deployed.requests
