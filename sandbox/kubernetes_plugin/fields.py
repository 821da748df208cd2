"""Field managers: who owns which field of an object (`metadata.managedFields`)."""

import contextlib
from typing import Any

from . import paths
from .diff import MISSING
from .objects import Object, annotation_of, pluck
from .properties import copy

FORCE = "pulumi.com/patchForce"
MANAGER = "pulumi.com/patchFieldManager"
# What kubectl, and this provider's client-side creates, leave as owners.
_ADOPTED = frozenset(
    {
        ("kubectl", "Apply"),
        ("kubectl", "Update"),
        ("before-first-apply", "Update"),
        ("pulumi-kubernetes", "Update"),
        ("pulumi-kubernetes.exe", "Update"),
        ("pulumi-resource-kubernetes", "Update"),
    }
)
_OURS_BEFORE = frozenset(
    {"pulumi-kubernetes", "pulumi-kubernetes.exe", "pulumi-resource-kubernetes"}
)


def managed_fields(obj: Object) -> list[Object]:
    """Read the entries of an object's field managers."""
    return pluck(obj, "metadata", "managedFields") or []


def transfer(live: Object, manager: str) -> list[Object]:
    """Make the JSON patch that gives `manager` the fields of client-side creators.

    Empty when nobody's fields are to be taken over.
    """
    entries = managed_fields(live)
    # An entry of a subresource, such as status, stays with its owner.
    moved = [entry for entry in entries if not entry.get("subresource") and _is_adopted(entry)]
    if not moved:
        return []
    merged: Object = {}
    kept = [entry for entry in entries if entry not in moved]
    api_version = moved[0].get("apiVersion")
    ours = [e for e in kept if e.get("manager") == manager and e.get("operation") == "Apply"]
    for entry in ours + moved:
        _merge(merged, entry.get("fieldsV1") or {})
    entry = {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": merged,
    }
    result = [e for e in kept if e not in ours] + [entry]
    return [{"op": "replace", "path": "/metadata/managedFields", "value": result}]


def _is_adopted(entry: Object) -> bool:
    # By prefix: kubectl calls itself kubectl-client-side-apply, kubectl-edit and so on.
    manager, operation = entry.get("manager") or "", entry.get("operation")
    return any(manager.startswith(name) and operation == made for name, made in _ADOPTED)


def _merge(target: Object, source: Object) -> None:
    for key, value in source.items():
        _merge(target.setdefault(key, {}), value)


def must_force(
    inputs: Object, live: Object | None, *, enabled: bool = False, preview: bool = False
) -> bool:
    """Decide whether an apply takes over the fields of other managers."""
    if enabled or annotation_of(inputs, FORCE) == "true":
        return True
    if live is None:
        # A preview of a replacement would conflict with the object to be replaced.
        return preview
    entries = managed_fields(live)
    if preview and any(
        entry.get("operation") == "Update" and entry.get("manager") in _OURS_BEFORE
        for entry in entries
    ):
        # The real update moves these fields to us first.
        return True
    return not entries


def apply_ignored(inputs: Object, live: Object, manager: str, ignored: list[str]) -> Object:
    """Take out of an apply what `ignoreChanges` names.

    A field that only others own is left out; any other one is sent as it is on the cluster.
    """
    if not ignored:
        return inputs
    result = copy(inputs)
    ours, theirs = _owned(live, manager)
    for text in ignored:
        parts = _steps(text)
        if parts in theirs and parts not in ours:
            _set(result, parts, MISSING)
        else:
            _keep(result, live, parts, text)
    return result


def merge_ignored(inputs: Object, live: Object, ignored: list[str]) -> Object:
    """Put into a client-side update what `ignoreChanges` names, as it is on the cluster.

    From the first path on that can't be followed, nothing is.
    """
    if not ignored:
        return inputs
    result = copy(inputs)
    with contextlib.suppress(ValueError):
        for text in ignored:
            _keep(result, live, _steps(text), text)
    return result


def _steps(text: str) -> tuple[str, ...]:
    # Upstream splits a path at its dots, whatever is quoted or an index: such a path names nothing.
    return tuple(paths.spelled(paths.parse(text)).split("."))


def _keep(wanted: Object, live: Object, parts: tuple[str, ...], shown: str) -> None:
    value = _get(live, parts, shown)
    if value is not MISSING:
        _set(wanted, parts, value)


def _owned(live: Object, manager: str) -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
    ours: set[tuple[str, ...]] = set()
    theirs: set[tuple[str, ...]] = set()
    for entry in managed_fields(live):
        found = ours if entry.get("manager") == manager else theirs
        _collect(found, (), entry.get("fieldsV1") or {})
    return ours, theirs


def _collect(found: set[tuple[str, ...]], path: tuple[str, ...], fields: Object) -> None:
    for key, below in fields.items():
        if key.startswith("f:"):
            found.add((*path, key[2:]))
            _collect(found, (*path, key[2:]), below)


def _get(obj: Object, path: tuple[str, ...], shown: str) -> Any:
    value: Any = obj
    for part in path:
        if value is None:
            return MISSING
        if not isinstance(value, dict):
            raise ValueError(  # noqa: TRY004 - it is the option's value that is wrong
                f'unable to parse field to ignore "{shown}" from live object: '
                f'"{part}" is no field of a {type(value).__name__}'
            )
        if part not in value:
            return MISSING
        value = value[part]
    return value


def _set(obj: Object, path: tuple[str, ...], value: Any) -> None:
    parent: Any = obj
    for part in path[:-1]:
        if value is MISSING and part not in parent:
            return
        parent = parent.setdefault(part, {})
        if not isinstance(parent, dict):
            return
    if value is MISSING:
        parent.pop(path[-1], None)
    else:
        parent[path[-1]] = value
