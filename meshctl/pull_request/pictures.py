"""The pictures of a mesh before and after a preview, from the engine's steps."""

from collections.abc import Iterable, Mapping
from typing import Any

from mesh import redaction
from meshctl.render.program import merged
from meshctl.topology import reader
from meshctl.topology.objects import Objects
from meshctl.topology.picture import Picture

WITHOUT_SPEC = frozenset({"Namespace", "ConfigMap"})
"""The kinds that are read by their other fields."""


def read(steps: Iterable[Mapping[str, Any]], unchanged: int) -> tuple[Picture, Picture] | None:
    """Return the pictures before and after; None if the steps don't have all objects.

    Pulumi's digest leaves out what doesn't change, unless it is asked for with --show-sames.
    """
    steps = list(steps)
    if sum(step["op"] == "same" for step in steps) < unchanged:
        return None
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for step in steps:
        old, new = step.get("oldState") or {}, step.get("newState") or {}
        if "kubernetes:" not in step["urn"] or not (new or old).get("custom"):
            continue
        if old:
            before.setdefault(step["urn"], old.get("inputs") or {})
        if new:
            after[step["urn"]] = new.get("inputs") or {}
    return _picture(before.values()), _picture(after.values())


def _picture(inputs: Iterable[Mapping[str, Any]]) -> Picture:
    known = map(_known, inputs)
    return reader.read(Objects(every=tuple(merged(each for each in known if _is_whole(each)))))


def _known(value: Any) -> Any:
    """Return a value without what is only known after the update, and without secrets."""
    if isinstance(value, dict):
        if redaction.SENTINEL in value:
            return redaction.SECRET
        return {key: _known(each) for key, each in value.items() if each != redaction.UNKNOWN}
    return [_known(each) for each in value] if isinstance(value, list) else value


def _is_whole(found: Mapping[str, Any]) -> bool:
    """Return whether an object has what a picture needs of it."""
    metadata = found.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return False
    has_kind = {"apiVersion", "kind"} <= found.keys()
    return has_kind and (found["kind"] in WITHOUT_SPEC or isinstance(found.get("spec"), dict))
