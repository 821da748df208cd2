"""Values as the engine sends them, read: with `Secret` and `UNKNOWN` in their places."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

from .properties import (
    DASHED,
    OUTPUT,
    RESOURCE,
    SECRET,
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_MARKS,
    Secret,
    to_object,
)


def _on_the_wire(name: str) -> bytes:
    # A map's key, and the tag of its value: no text of a manifest holds these control characters.
    return b"\n" + bytes([len(name)]) + name.encode() + b"\x12"


_SPELLINGS = [(_on_the_wire(name), _on_the_wire(dashed)) for name, dashed in DASHED.items()]
# On the wire: a mark, or the text "Secret" (field 3, six letters), which may be a kind.
_SECRET_SIGNS = (SIGNATURE.encode(), b"\x1a\x06Secret")


def from_struct(struct: Struct) -> dict[str, Any]:
    """Read what the engine sent, with `Secret` and `UNKNOWN` in their places."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def _from_value(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text in UNKNOWN_MARKS else text
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE in fields:
            return _from_signed(fields)
        return {key: _from_value(item) for key, item in fields.items()}
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return value.bool_value if kind == "bool_value" else None


def _from_signed(fields: Mapping[str, Value]) -> Any:
    signature = fields[SIGNATURE].string_value
    if signature == SECRET:
        return Secret(_from_value(fields["value"]))
    if signature == OUTPUT:
        inner = _from_value(fields["value"]) if "value" in fields else UNKNOWN
        return Secret(inner) if "secret" in fields and fields["secret"].bool_value else inner
    if signature == RESOURCE:
        return _from_value(fields["id"]) if "id" in fields else fields["urn"].string_value
    raise ValueError(
        f"property of signature {signature} can't be part of a Kubernetes object: "
        "pass the content of an asset or archive as a string"
    )


class Properties:
    """What the engine sent of a resource: its Kubernetes object, and what of it is secret."""

    @classmethod
    def field(cls, struct: Struct, key: str) -> "Properties":
        """Read one field only."""
        return cls(Struct(fields={key: struct.fields[key]} if key in struct.fields else {}))

    def __init__(self, struct: Struct, like: "Properties | None" = None) -> None:
        """Read a struct; parts that are the same in `like` are shared with it, not read again."""
        self.struct = struct
        self.plain = unmarked(struct)
        """The same in the spelling of the state, to be compared with; None with marks."""
        self.secrets: dict[str, Any] = from_struct(struct) if self.plain is None else {}
        """The values with their marks; empty when nothing can be secret."""
        if self.plain is None:
            self.object = to_object(self.secrets)
        else:
            self.object = read_fields(self.plain.fields, like)

    def dashed(self) -> Struct:
        """Give the struct in the spelling of Kubernetes."""
        raw = self.struct.SerializeToString()
        return _respelled(raw, _SPELLINGS) if b"x_kubernetes_" in raw else self.struct


def unmarked(struct: Struct) -> Struct | None:
    """Spell a struct as the state does; None when something in it may be secret."""
    # Marks are rare and the search is quick: most structs are read without looking for them.
    raw = struct.SerializeToString()
    if any(sign in raw for sign in _SECRET_SIGNS):
        return None
    if b"x-kubernetes-" not in raw:
        return struct
    return _respelled(raw, [(dashed, name) for name, dashed in _SPELLINGS])


def _respelled(raw: bytes, spellings: Iterable[tuple[bytes, bytes]]) -> Struct:
    for spelling, other in spellings:
        raw = raw.replace(spelling, other)
    return Struct.FromString(raw)


def read_fields(fields: Mapping[str, Value], like: Properties | None) -> dict[str, Any]:
    """Read fields without marks; parts that are the same in `like` are shared with it."""
    if like is None or like.plain is None:
        return _plain_fields(fields)
    return shared_fields(fields, like.plain.fields, like.object)


def _plain_fields(fields: Mapping[str, Value]) -> dict[str, Any]:
    return {DASHED.get(key, key): _plain(fields[key]) for key in fields}


def _plain(value: Value) -> Any:
    # Most values are text; asking for the kind of each takes half as long again.
    text = value.string_value
    if text:
        return UNKNOWN if text in UNKNOWN_MARKS else text
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        return {DASHED.get(key, key): _plain(fields[key]) for key in fields}
    if kind == "list_value":
        return _plain_items(value.list_value.values)
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return text
    return value.bool_value if kind == "bool_value" else None


def _plain_items(values: Sequence[Value]) -> list[Any]:
    # Neighbours have much in common: the versions of a CRD are large, and hardly differ.
    items: list[Any] = []
    for value, before in zip(values, (None, *values), strict=False):
        items.append(_plain(value) if before is None else _shared(value, before, items[-1]))
    return items


def shared_fields(
    fields: Mapping[str, Value], others: Mapping[str, Value], known: dict[str, Any]
) -> dict[str, Any]:
    """Read fields; parts that are the same in `others`, read as `known`, are shared with it."""
    read = {}
    for key in fields:
        name = DASHED.get(key, key)
        twin = key in others
        read[name] = _shared(fields[key], others[key], known[name]) if twin else _plain(fields[key])
    return read


def _shared(value: Value, other: Value, known: Any) -> Any:
    # Protobuf compares in C.
    if value == other:
        return known
    if isinstance(known, dict) and value.HasField("struct_value"):
        return shared_fields(value.struct_value.fields, other.struct_value.fields, known)
    if isinstance(known, list) and value.HasField("list_value"):
        pairs = zip_longest(value.list_value.values, other.list_value.values, known)
        count = len(value.list_value.values)
        return [
            _plain(item) if twin is None else _shared(item, twin, object_)
            for item, twin, object_ in islice(pairs, count)
        ]
    return _plain(value)
