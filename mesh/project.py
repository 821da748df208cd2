"""Pulumi.yaml: the project's name, and its settings with their descriptions and defaults."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache  # several rooms look, and none changes it
def read(folder: Path) -> Mapping[str, Any]:
    """Read the project in a folder."""
    # libyaml's loader: the pure Python one takes as long as all other checks of a config together.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((folder / "Pulumi.yaml").read_bytes(), loader)  # noqa: S506 - both are safe


def defaults(folder: Path) -> dict[str, str]:
    """Return each setting's default, as the engine hands it to a program."""
    declared = read(folder)["config"]
    return {key: as_text(declaration["default"]) for key, declaration in declared.items()}


def as_text(value: Any) -> str:
    """Spell a value of a setting as the engine does: what is no text is JSON."""
    return value if isinstance(value, str) else json.dumps(value)
