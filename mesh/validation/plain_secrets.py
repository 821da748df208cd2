"""Secrets that a stack's file holds in plain text, beside others that were set with --secret.

Pulumi tells a program only whether a setting has an encrypted part.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from mesh import fast_yaml
from mesh.project import PROJECT
from mesh.settings.paths import Step, path_of
from mesh.validation.mistake import Mistake

PUBLIC = frozenset(
    ("username", "tls.crt", "ca.crt", "ca-cert.pem", "cert-chain.pem", "root-cert.pem")
)
"""Parts of secret settings that anybody may read."""
ENCRYPTED = {"secure"}
"""The keys of an encrypted value in a stack's file."""


def conflicts(key: str, stack: str, project: str, folder: Path = PROJECT) -> Iterator[Mistake]:
    """List the parts of a secret setting that the stack's file holds in plain text."""
    file = folder / f"Pulumi.{stack}.yaml"
    try:
        content = fast_yaml.load(file.read_bytes())
    except (OSError, yaml.YAMLError):
        return  # the config is in another file
    config = content.get("config") if isinstance(content, dict) else None
    values = (config.get(f"{project}:{key}"), config.get(key)) if isinstance(config, dict) else ()
    for path in (path for value in values for path in _plain((key,), value)):
        yield Mistake(
            path,
            f"is in plain text in {file.name}: pulumi config set --secret --path "
            f"'{path_of(path)}', and replace it with a new one if others can read the file",
        )


def _plain(path: tuple[Step, ...], value: Any) -> Iterator[tuple[Step, ...]]:
    if isinstance(value, dict) and value.keys() == ENCRYPTED:
        return
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in pairs:
            yield from _plain((*path, key), each)
    elif value not in (None, "") and path[-1] not in PUBLIC:
        yield path
