"""The difference between an object as it was last seen and as the program wants it."""

from collections.abc import Iterable
from typing import Any

from pulumi.runtime.proto import provider_pb2

from . import paths
from .properties import UNKNOWN, equal
from .replacement import replaces

Detailed = dict[str, provider_pb2.PropertyDiff]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
_REPLACING = {
    provider_pb2.PropertyDiff.ADD: provider_pb2.PropertyDiff.ADD_REPLACE,
    provider_pb2.PropertyDiff.DELETE: provider_pb2.PropertyDiff.DELETE_REPLACE,
    provider_pb2.PropertyDiff.UPDATE: provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def prune(source: Any, shape: Any) -> Any:
    """Keep of a live value only what the shape has too, so that server defaults drop out."""
    if source is shape or equal(source, shape):
        return source
    if isinstance(source, dict) and isinstance(shape, dict):
        return {key: prune(value, shape[key]) for key, value in source.items() if key in shape}
    if isinstance(source, list) and isinstance(shape, list):
        if not source or not shape:
            return []
        if type(source[0]) is not type(shape[0]):
            return source
        return [prune(ours, theirs) for ours, theirs in zip(source, shape, strict=False)]
    return source


def merge_patch(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Make the JSON merge patch (RFC 7386) from `old` to `new`."""
    patch: dict[str, Any] = {}
    for key, value in new.items():
        before = old.get(key, MISSING)
        if before is value:
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            if inner := merge_patch(before, value):
                patch[key] = inner
        elif before is MISSING or not equal(before, value):
            patch[key] = None if value is UNKNOWN else value
    return patch | dict.fromkeys(key for key in old if key not in new)


def detailed_diff(
    old: dict[str, Any], new: dict[str, Any], replacing: tuple[str, ...] = ()
) -> Detailed:
    """List what changes, property by property, in the engine's form."""
    walk = _Walk(replacing)
    walk.maps((), merge_patch(old, new), old, new, in_array=False)
    return walk.found


class _Walk:
    """A walk through a merge patch, with the old and the new value at each place."""

    def __init__(self, replacing: tuple[str, ...]) -> None:
        self.found: Detailed = {}
        self._replacing = replacing

    def maps(self, path: paths.Path, patch: Any, old: Any, new: Any, *, in_array: bool) -> None:
        keys = list(patch)
        if in_array:
            # A merge patch replaces arrays whole, so it doesn't record deletes below them.
            keys += [key for key in old if key not in patch]
        for key in keys:
            before, after = old.get(key, MISSING), new.get(key, MISSING)
            self._values((*path, key), patch.get(key), before, after, in_array=in_array)

    def _arrays(self, path: paths.Path, patch: Any, old: Any, new: Any) -> None:
        for index in range(max(len(patch), len(old))):
            added = index >= len(old)
            self._values(
                (*path, index),
                patch[index] if index < len(patch) else None,
                MISSING if added else old[index],
                new[index] if index < len(new) else None,
                in_array=True,
            )

    def _values(self, path: paths.Path, value: Any, old: Any, new: Any, *, in_array: bool) -> None:
        if new is MISSING and (value is not None or old is MISSING):
            # Neither the old nor the new inputs have it: it is the server's.
            return
        if isinstance(value, dict) and isinstance(old, dict):
            inner = new if isinstance(new, dict) else {}
            self.maps(path, value, old, inner, in_array=in_array)
        elif isinstance(value, list) and isinstance(old, list):
            self._arrays(path, value, old, new if isinstance(new, list) else [])
        elif new is UNKNOWN or old is MISSING or not equal(value, old):
            self._record(path, value, old, new)

    def _record(self, path: paths.Path, value: Any, old: Any, new: Any) -> None:
        deleted = value is None and new is not UNKNOWN
        if deleted:
            kind = provider_pb2.PropertyDiff.DELETE
        elif old is MISSING:
            kind = provider_pb2.PropertyDiff.ADD
        else:
            kind = provider_pb2.PropertyDiff.UPDATE
        if replaces(path, value, self._replacing):
            kind = _REPLACING[kind]
        change = provider_pb2.PropertyDiff(kind=kind, inputDiff=deleted)
        self.found[paths.render(path)] = change


def without_ignored(found: Detailed, ignored: Iterable[str]) -> Detailed:
    """Drop the changes at or below the paths of `ignoreChanges`.

    Upstream drops only those that its two spellings of a path agree on: `a.b-c` stays.
    """
    outers = [paths.parse(path) for path in ignored]

    def is_dropped(text: str) -> bool:
        path = paths.parse(text)
        return any(paths.contains(outer, path) for outer in outers) and paths.spelled(path) == text

    return {path: change for path, change in found.items() if not is_dropped(path)}


def replacing_paths(found: Detailed) -> list[str]:
    """List the paths whose change replaces the object."""
    return sorted(
        path
        for path, change in found.items()
        if change.kind in _REPLACING.values()
        or (change.kind == provider_pb2.PropertyDiff.DELETE and path == "metadata")
    )
