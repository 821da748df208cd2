"""Property values as plain Python, with marks for what is secret or unknown."""

from collections.abc import Mapping
from typing import Any

import msgspec

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a mark of the wire format
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

UNKNOWN_MARKS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
UNKNOWN_MARK = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

# The SDK's classes can't have an attribute with a dash, so state spells these keys with `_`.
DASHED: dict[str, str] = {
    name: name.replace("_", "-")
    for name in (
        "x_kubernetes_embedded_resource",
        "x_kubernetes_int_or_string",
        "x_kubernetes_list_map_keys",
        "x_kubernetes_list_type",
        "x_kubernetes_map_type",
        "x_kubernetes_preserve_unknown_fields",
        "x_kubernetes_validations",
    )
}
UNDERSCORED = {dashed: name for name, dashed in DASHED.items()}


class Unknown:
    """A value that the engine learns only after the deployment."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memo: dict) -> "Unknown":
        return self


UNKNOWN = Unknown()


class Secret:
    """A value that must stay encrypted in the state and hidden in the display."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.value == other.value

    __hash__ = None


def equal(left: Any, right: Any) -> bool:
    """Compare as JSON does: 1 equals 1.0, but true isn't 1."""
    # Python's own comparison is quick, but takes 1 for true.
    return left is right or (left == right and _has_same_types(left, right))


def _has_same_types(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        for key, value in left.items():
            if type(value) is not str and not _has_same_types(value, right[key]):
                return False
        return True
    if isinstance(left, list):
        return all(map(_has_same_types, left, right))
    return isinstance(left, bool) == isinstance(right, bool)


def to_object(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the Kubernetes object that the values describe: a copy, without secret marks."""
    return {DASHED.get(key, key): _bare(item, DASHED) for key, item in values.items()}


def copy(values: Mapping[str, Any]) -> dict[str, Any]:
    """Copy plain values, faster than `copy.deepcopy`."""
    return {key: _bare(item, {}) for key, item in values.items()}


def _bare(item: Any, names: Mapping[str, str]) -> Any:
    if isinstance(item, dict):
        return {names.get(key, key): _bare(value, names) for key, value in item.items()}
    if isinstance(item, list):
        return [_bare(value, names) for value in item]
    if isinstance(item, Secret):
        return _bare(item.value, names)
    return item


def has_unknown(item: Any) -> bool:
    """Tell whether any part of a value is known only after the deployment."""
    return _contains(item, Unknown)


def has_secret(item: Any) -> bool:
    """Tell whether any part of a value is secret."""
    return _contains(item, Secret)


def _contains(item: Any, mark: type) -> bool:
    found = False

    def look(value: Any) -> Any:
        nonlocal found
        found |= isinstance(value, mark)
        return value.value if isinstance(value, Secret) else None

    # msgspec walks in C, and asks only about what isn't JSON.
    msgspec.json.encode(item, enc_hook=look)
    return found


def mark_secrets(outputs: dict[str, Any], inputs: Mapping[str, Any] | None) -> None:
    """Make secret in `outputs`, in place, what is secret in `inputs`.

    Maps are compared key by key; any other value, an array too, is secret as a whole when
    any part of its input is.
    """
    if outputs.get("kind") == "Secret":
        for key in ("data", "stringData"):
            if key in outputs and not isinstance(outputs[key], Secret):
                outputs[key] = Secret(outputs[key])
        return
    for key, given in (inputs or {}).items():
        if key not in outputs:
            continue
        if isinstance(outputs[key], dict) and isinstance(given, dict):
            mark_secrets(outputs[key], given)
        elif not isinstance(outputs[key], Secret) and has_secret(given):
            outputs[key] = Secret(outputs[key])
