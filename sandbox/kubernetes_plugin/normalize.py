"""One spelling for inputs that mean the same, so that only real changes show as a diff.

The official plugin sends built-in kinds through the Go client's types. `types.json` is a
table of those types (made by `types/main.go`).
"""

import base64
import binascii
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from .diff import prune
from .kinds import BUILT_IN_VERSIONS
from .objects import Object, gvk_of, is_crd, is_secret, pluck
from .properties import has_unknown
from .quantity import canonical

READ_ONLY = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)


def normalize(obj: Object) -> Object:
    """Give the normalized form of an object; the argument is left as it is.

    Apart from the metadata, which callers go on to change, the two share their parts.
    """
    result = dict(obj)
    if obj.get("apiVersion") in BUILT_IN_VERSIONS:
        if is_crd(obj):
            _normalize_crd(result)
        elif has_unknown(obj):
            pass
        elif is_secret(obj):
            _normalize_secret(result)
        else:
            result = prune(_through_types(result), obj)
    metadata = result.get("metadata")
    if isinstance(metadata, dict):
        result["metadata"] = {
            key: dict(value) if isinstance(value, dict) else value
            for key, value in metadata.items()
            if key not in READ_ONLY
        }
    return result


def _normalize_crd(crd: Object) -> None:
    # The API server drops this field when it is false, and ignores a status in a request.
    preserve = pluck(crd, "spec", "preserveUnknownFields") is False
    if not (preserve or "status" in crd) or has_unknown(crd):
        return
    if preserve:
        crd["spec"] = {k: v for k, v in crd["spec"].items() if k != "preserveUnknownFields"}
    crd.pop("status", None)


def _normalize_secret(secret: Object) -> None:
    given = secret.get("stringData")
    if isinstance(given, dict) and given and all(isinstance(v, str) for v in given.values()):
        data = secret.get("data")
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in given.items()}
        secret["data"] = (data if isinstance(data, dict) else {}) | encoded
        del secret["stringData"]
        return
    data = secret.get("data")
    if isinstance(data, dict):
        secret["data"] = {key: _rewrap(value) for key, value in data.items()}


def _rewrap(value: Any) -> Any:
    # Go's decoder takes base64 in several lines; the API server answers with one line.
    if not isinstance(value, str):
        return value
    try:
        raw = base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except binascii.Error:
        return value
    return base64.b64encode(raw).decode()


@cache
def _table() -> dict[str, Any]:
    return msgspec.json.decode((Path(__file__).parent / "types.json").read_bytes())


def _through_types(obj: Object) -> Object:
    gvk = gvk_of(obj)
    name = _table()["kinds"].get(f"{gvk.api_version}/{gvk.kind}")
    if name is None:
        return obj
    try:
        return _convert(obj, f"@{name}")
    except (TypeError, ValueError):
        # An object that doesn't fit goes to the API server as it is: its message is better.
        return obj


def _convert(value: Any, spelled: str) -> Any:
    head, rest = spelled[0], spelled[1:]
    if spelled == "any" or (head == "*" and value is None):
        return value
    if head == "*":
        return _convert(value, rest)
    if value is None:
        return _ZERO.get(head)
    match head:
        case "@":
            result: Any = _convert_struct(value, _table()["types"][rest])
        case "[":
            result = [_convert(item, rest) for item in _typed(value, list)]
        case "{":
            result = {key: _convert(item, rest) for key, item in _typed(value, dict).items()}
        case _:
            result = _convert_scalar(value, head)
    return result


def _convert_struct(value: Any, fields: dict[str, str]) -> Object:
    result: Object = {}
    for name, item in _typed(value, dict).items():
        spelled = fields.get(name)
        if spelled is None:
            continue
        optional = spelled[0] == "?"
        converted = _convert(item, spelled[1:] if optional else spelled)
        if not (optional and _is_empty(converted, spelled[1:])):
            result[name] = converted
    return result


def _is_empty(value: Any, spelled: str) -> bool:
    # A pointer is empty only when nil, a struct never.
    if spelled[0] == "*":
        return value is None
    if spelled == "any" or spelled[0] in "@qI":
        return value is None
    return not value


def _convert_scalar(value: Any, spelled: str) -> Any:
    if spelled == "s":
        return _typed(value, str)
    if spelled == "b":
        return _typed(value, bool)
    if spelled == "x":
        return base64.b64encode(base64.b64decode(_typed(value, str), validate=True)).decode()
    if spelled == "q":
        return canonical(value if isinstance(value, str) else str(_number(value)))
    if spelled == "I":
        return value if isinstance(value, str) else _whole(value)
    return _whole(value) if spelled == "i" else _number(value)


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} expected, got {type(value).__name__}")
    return value


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"number expected, got {type(value).__name__}")
    return value


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError("whole number expected")
    return int(number)


_ZERO: dict[str, Any] = {"s": "", "b": False, "i": 0, "f": 0, "x": None, "q": "0", "I": 0}
