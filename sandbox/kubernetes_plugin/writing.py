"""Values written for the engine, `Secret` and `UNKNOWN` in the engine's own form."""

from collections.abc import Mapping
from itertools import islice, zip_longest
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

from .properties import SECRET, SIGNATURE, UNDERSCORED, UNKNOWN, UNKNOWN_MARK, Secret, equal
from .reading import Properties


def to_struct(values: Mapping[str, Any]) -> Struct:
    """Write values with their keys as they are."""
    struct = Struct()
    _fill(struct.fields, values, {})
    return struct


def write_state(struct: Struct, values: Mapping[str, Any], like: Properties | None = None) -> None:
    """Write values into a struct, spelled as the SDK's classes do, and so the state.

    Parts that are the same in `like` are copied from there, not written again.
    """
    if like is None or like.plain is None:
        _fill(struct.fields, values, UNDERSCORED)
    else:
        _fill_like(struct.fields, values, like.plain.fields, like.object)


def _fill(fields: Any, values: Mapping[str, Any], names: Mapping[str, str]) -> None:
    for key, item in values.items():
        _put(fields[names.get(key, key)], item, names)


def _put(slot: Value, item: Any, names: Mapping[str, str]) -> None:
    if isinstance(item, str):
        slot.string_value = item
    elif isinstance(item, dict):
        _fill(slot.struct_value.fields, item, names)
        if not item:
            slot.struct_value.SetInParent()
    elif isinstance(item, bool):
        slot.bool_value = item
    elif isinstance(item, int | float):
        slot.number_value = item
    elif isinstance(item, list | tuple):
        values = slot.list_value.values
        slot.list_value.SetInParent()
        for element in item:
            _put(values.add(), element, names)
    elif isinstance(item, Secret):
        _fill(slot.struct_value.fields, {SIGNATURE: SECRET, "value": item.value}, names)
    elif item is UNKNOWN:
        slot.string_value = UNKNOWN_MARK
    elif item is None:
        slot.null_value = 0
    else:
        raise TypeError(f"property of type {type(item).__name__} can't be sent to the engine")


def _fill_like(
    fields: Any, values: Mapping[str, Any], others: Mapping[str, Value], known: Mapping[str, Any]
) -> None:
    for key, item in values.items():
        name = UNDERSCORED.get(key, key)
        if name in others and key in known:
            _put_like(fields[name], item, others[name], known[key])
        else:
            _put(fields[name], item, UNDERSCORED)


def _put_like(slot: Value, item: Any, other: Value, known: Any) -> None:
    if equal(item, known):
        slot.CopyFrom(other)
    elif isinstance(item, dict) and item and isinstance(known, dict):
        _fill_like(slot.struct_value.fields, item, other.struct_value.fields, known)
    elif isinstance(item, list) and isinstance(known, list):
        values, others = slot.list_value.values, other.list_value.values
        slot.list_value.SetInParent()
        for element, twin, object_ in islice(zip_longest(item, others, known), len(item)):
            if twin is None:
                _put(values.add(), element, UNDERSCORED)
            else:
                _put_like(values.add(), element, twin, object_)
    else:
        _put(slot, item, UNDERSCORED)
