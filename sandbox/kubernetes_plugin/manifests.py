"""YAML in and out: manifests into objects, objects into rendered files."""

import functools
import re
from pathlib import Path
from typing import Any

import yaml

from .kinds import BUILT_IN_VERSIONS
from .objects import Object, name_of, namespace_of

# The words that Go's parser doesn't take for text. It knows fewer numbers than PyYAML: `10:20` and
# dates are text. And it knows more: `1e3`, and of truth `y` and `n`.
_WORDS = {
    "bool": (
        r"true|True|TRUE|false|False|FALSE|y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF",
        "tTfFyYnNoO",
    ),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "int": (r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "merge": (r"<<", "<"),
}


def _know_words(resolver: Any) -> None:
    for tag, (pattern, first) in _WORDS.items():
        resolver.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first)
        )


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
    """Quotes a text that Go's parser, or PyYAML's own, would take for something else."""


_know_words(Dumper)


@functools.cache
def _loader() -> Any:
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = type("Loader", (base,), {"yaml_implicit_resolvers": {}})
    _know_words(loader)
    loader.add_constructor("tag:yaml.org,2002:bool", _truth)
    loader.add_constructor("tag:yaml.org,2002:float", _floating)
    return loader


def _truth(loader: Any, node: Any) -> bool:
    return loader.construct_scalar(node).lower() in ("true", "y", "yes", "on")


def _floating(loader: Any, node: Any) -> float | int:
    text = loader.construct_scalar(node).lower().replace("_", "")
    number = float(text.replace(".inf", "inf").replace(".nan", "nan"))
    return int(number) if number.is_integer() else number


def parse(text: str) -> list[Object]:
    """Read the objects of a manifest; documents without a kind are left out.

    Raises:
        ValueError: It isn't valid YAML.

    """
    try:
        documents = list(yaml.load_all(text, _loader()))
    except yaml.YAMLError as error:
        raise ValueError(f"manifest isn't valid YAML: {error}") from error
    return [
        document
        for document in map(_with_text_keys, documents)
        if isinstance(document, dict) and document.get("kind") and document.get("apiVersion")
    ]


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    return value


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return "null" if key is None else str(key)


def rendered_path(obj: Object, directory: str) -> Path:
    """Give the file that an object is rendered to."""
    api_version = str(obj.get("apiVersion", ""))
    crd = obj.get("kind") == "CustomResourceDefinition" and api_version in BUILT_IN_VERSIONS
    version = api_version.replace("/", "_").replace(":", "_")
    kind = str(obj.get("kind", "")).lower()
    name = f"{version}-{kind}-{namespace_of(obj) or 'default'}-{name_of(obj)}.yaml"
    return Path(directory) / ("0-crd" if crd else "1-manifest") / name


def render(obj: Object, directory: str) -> Path:
    """Write an object to its file, readable by its owner only."""
    path = rendered_path(obj, directory)
    for folder in ("0-crd", "1-manifest"):
        (Path(directory) / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    text = yaml.dump(obj, Dumper=Dumper, sort_keys=True, width=2**31 - 1, allow_unicode=True)
    path.write_text(text)
    path.chmod(0o600)
    return path
