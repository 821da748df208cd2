"""The example stacks: each is one that a person can deploy as it is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mesh import release, settings
from mesh.release import PROJECT

EXAMPLES = sorted((PROJECT / "examples").glob("Pulumi.*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.name.split(".")[1])
def test_an_example_is_a_stack_without_mistakes(
    configure: Callable[..., None], release_dir: Path, example: Path
) -> None:
    """Its settings are known, and the release knows what they name."""
    config = yaml.safe_load(example.read_text())["config"]
    configure(
        **{
            key.removeprefix("mesh:"): value if isinstance(value, str) else json.dumps(value)
            for key, value in config.items()
        }
    )

    settings.check(settings.read(), [release.find("1.30.3", release_dir)])
