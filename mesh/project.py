"""Pulumi.yaml: the project's name, and its settings with their descriptions and defaults."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mesh import fast_yaml

PROJECT = Path(__file__).resolve().parent.parent
"""The folder of the program, with Pulumi.yaml in it."""


@cache  # several modules read it, and none changes it
def read(folder: Path) -> Mapping[str, Any]:
    """Read the project in a folder."""
    return fast_yaml.load((folder / "Pulumi.yaml").read_bytes())


def defaults(folder: Path) -> dict[str, str]:
    """Return each setting's default, as the engine hands it to a program."""
    declared = read(folder)["config"]
    return {key: as_text(declaration["default"]) for key, declaration in declared.items()}


def as_text(value: Any) -> str:
    """Return a setting's value as the engine spells it: any value but a text is JSON."""
    return value if isinstance(value, str) else json.dumps(value)
