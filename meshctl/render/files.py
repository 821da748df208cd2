"""YAML files of rendered objects: one for each object, with the same bytes at every render."""

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from console import UserError
from mesh import fast_yaml

MARKER = ".rendered"
NOTE = "Written by `make render`, which removes every .yaml here that it doesn't write.\n"


class FolderError(UserError):
    """The files can't be written."""


WORDS = {
    "bool": (r"y|Y|n|N", "yYnN"),
    "int": (r"[-+]?0o[0-7_]+", "-+0"),
    "float": (r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)[eE][-+]?[0-9]+", "-+.0123456789"),
}
"""Texts that PyYAML reads as strings, but kubectl's YAML parser (Go) as values of other types.

For each type: a pattern, and the characters that such a text may begin with.
"""


class _Dumper(fast_yaml.Dumper):
    """A dumper that writes texts of several lines as blocks."""


def _text(dumper: Any, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
for tag, (pattern, first) in WORDS.items():
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first)
    )


def write(objects: Iterable[dict[str, Any]], folder: Path) -> int:
    """Write objects to a folder, delete files of an earlier render, and return their number."""
    if any(folder.rglob("*.yaml")) and not (folder / MARKER).exists():
        raise FolderError(
            f"{folder} has YAML files that `make render` didn't write and would delete: name a "
            "folder that is empty or doesn't exist: make render OUT=FOLDER"
        )
    files: dict[Path, dict[str, Any]] = {}
    for found in objects:
        path = folder / name(found)
        if path in files:
            raise FolderError(f"two objects have the same file {path}: nothing was written")
        files[path] = found

    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text(NOTE)
    for stale in set(folder.rglob("*.yaml")) - files.keys():
        stale.unlink()
        # A namespace's folder may be empty now.
        with contextlib.suppress(OSError):
            stale.parent.rmdir()
    for path, found in files.items():
        path.parent.mkdir(exist_ok=True)
        text = yaml.dump(found, Dumper=_Dumper, width=2**31 - 1, allow_unicode=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return len(files)


def name(found: dict[str, Any]) -> str:
    """Return an object's file: a folder for its namespace, then kind.group_name as in kubectl.

    Raises FolderError for a name that Kubernetes would refuse and that leads to another folder.
    """
    group = found["apiVersion"].rpartition("/")[0]
    metadata = found["metadata"]
    kind = ".".join(filter(None, [found["kind"].lower(), group]))
    # Names of roles may have a colon, which some file systems don't allow.
    file = f"{kind}_{metadata['name']}.yaml".replace(":", "_")
    namespace = metadata.get("namespace")
    parts = [part for part in (namespace, file) if part]
    if any(part in (".", "..") or set(part) & set("/\0") for part in parts):
        raise FolderError(
            f"{found['kind']} {metadata['name']!r} in namespace {namespace!r} has a name that "
            "Kubernetes refuses: nothing was written; correct the chart that it is from"
        )
    return "/".join(parts)
