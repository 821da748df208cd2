"""Property values as they travel between the engine and a plugin, and as plain Python."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any

import msgspec
from google.protobuf.struct_pb2 import Struct, Value

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


def _on_the_wire(name: str) -> bytes:
    # A map's key, and the tag of its value: no text of a manifest holds these control characters.
    return b"\n" + bytes([len(name)]) + name.encode() + b"\x12"


_SPELLINGS = [(_on_the_wire(name), _on_the_wire(dashed)) for name, dashed in DASHED.items()]
# On the wire: a mark, or the text "Secret" (field 3, six letters), which may be a kind.
_SECRET_SIGNS = (SIGNATURE.encode(), b"\x1a\x06Secret")


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
