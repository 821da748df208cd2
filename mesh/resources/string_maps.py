"""Maps of strings in rendered objects: labels, annotations, selectors, environment variables."""

from collections.abc import Iterator, Mapping
from typing import Any

import pulumi

from mesh.settings.paths import Step, path_of

MAPS = frozenset(("annotations", "labels", "matchLabels", "nodeSelector"))
LISTS_OF_PAIRS = frozenset(("env",))


def refuse_other_than_text(
    manifest: Mapping[str, Any], values: Mapping[str, Any], setting: str
) -> None:
    """Refuse an object with a number or a boolean in a map of strings: Kubernetes takes text only.

    `values` are the values that its chart was rendered with, `setting` names where they are set.
    Raises pulumi.RunError.
    """
    found = list(_not_text(manifest))
    if not found:
        return
    metadata = manifest.get("metadata") or {}
    # A chart's prefix may repeat the value further down: the shortest path is the stack's own.
    given = sorted((path for path, _ in _not_text(values)), key=len, reverse=True)
    by_key = {path[-1]: path_of((setting, *path)) for path in given}
    settings = [by_key[path[-1]] for path, _ in found if path[-1] in by_key]
    raise pulumi.RunError(
        f"{manifest.get('kind')} {metadata.get('name')} has "
        + " and ".join(f"{value!r} at {path_of(path)}" for path, value in found)
        + ", where Kubernetes takes text only: write it in quotes in "
        + " and ".join(f"mesh:{each}" for each in settings or [setting])
        + ", or set it with `pulumi config set --type string --path`"
    )


def _not_text(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """List values in Kubernetes' maps of strings that aren't text, with their paths."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _not_text(each, (*path, index))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            at = (*path, key)
            if _is_map(key) and isinstance(each, Mapping):
                yield from ((((*at, k)), v) for k, v in each.items() if not _is_text(v))
            elif key in LISTS_OF_PAIRS and isinstance(each, list):
                yield from _pairs(each, at)
            else:
                yield from _not_text(each, at)


def _is_map(key: str) -> bool:
    return key in MAPS or key.endswith(("Annotations", "Labels"))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or value is None


def _pairs(pairs: list[Any], path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], Any]]:
    for index, pair in enumerate(pairs):
        if isinstance(pair, Mapping) and not _is_text(pair.get("value")):
            yield (*path, index, "value"), pair["value"]
