"""The differences between two states of an object, as readable lines of a diff."""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from mesh import fast_yaml, redaction

CONTEXT = 2  # lines around a change in a text
LARGEST = 1_000_000  # characters of a text that is read as a document
VERSION_LABELS = frozenset(
    {"app.kubernetes.io/version", "chart", "helm.sh/chart", "operator.istio.io/version"}
)
"""Labels that name the release that rendered an object; no selector uses them."""
WITHIN = ":"
"""The step from a text into the document that it holds."""
REFERENCE = re.compile(r"(^|[\s\[{,:-])[&*]\w", re.MULTILINE)


class Item(str):
    """A step into a list, by the item's name or index."""


Steps = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The difference at one path."""

    steps: Steps
    lines: list[str]

    @property
    def is_version_label(self) -> bool:
        """Whether the path is that of a version label."""
        return self.steps[-3:-1] == ("metadata", "labels") and self.steps[-1] in VERSION_LABELS

    @property
    def is_in_pods(self) -> bool:
        """Whether the difference recreates pods."""
        return self.steps[:2] == ("spec", "template")


def differences(kind: str, old: Any, new: Any) -> list[Difference]:
    """Compare two states of an object of a kind; the values of secrets are never shown."""
    return list(_compare(kind, (), old, new))


def _compare(kind: str, steps: Steps, old: Any, new: Any) -> Iterator[Difference]:
    if old == new and type(old) is type(new):
        return
    if any(isinstance(side, dict) and redaction.SENTINEL in side for side in (old, new)):
        yield _changed(kind, steps, redaction.SECRET, redaction.SECRET)
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _one(kind, (*steps, str(key)), key, old, new)
    elif (items := _by_name(old, new)) is not None:
        olds, news = items
        for key in [*olds, *(key for key in news if key not in olds)]:
            yield from _one(kind, (*steps, Item(key)), key, olds, news)
    elif isinstance(old, str) and isinstance(new, str) and not redaction.hides(kind, steps):
        yield from _compare_texts(kind, steps, old, new)
    else:
        yield _changed(kind, steps, old, new)


def _one(
    kind: str, steps: Steps, key: Any, old: dict[Any, Any], new: dict[Any, Any]
) -> Iterator[Difference]:
    if steps[-1] == redaction.LAST_APPLIED or steps[-1].startswith("__"):
        return
    if key in old and key in new:
        yield from _compare(kind, steps, old[key], new[key])
    elif key in old:
        yield Difference(steps=steps, lines=_lines("-", kind, steps, old[key]))
    else:
        yield Difference(steps=steps, lines=_lines("+", kind, steps, new[key]))


def _by_name(old: Any, new: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Key the items of two lists by name, or by index if the lists have the same length."""
    if not (isinstance(old, list) and isinstance(new, list)):
        return None
    sides = [
        {item["name"]: item for item in side if isinstance(item, dict) and "name" in item}
        for side in (old, new)
    ]
    if all(len(named) == len(side) for named, side in zip(sides, (old, new), strict=True)):
        return sides[0], sides[1]
    if len(old) == len(new):
        return {str(i): each for i, each in enumerate(old)}, {
            str(i): each for i, each in enumerate(new)
        }
    return None


def _compare_texts(kind: str, steps: Steps, old: str, new: str) -> Iterator[Difference]:
    """Compare two texts: field by field if both are JSON or YAML, else line by line."""
    documents = _document(old), _document(new)
    if None not in documents and documents[0] != documents[1]:
        yield from _compare(kind, (*steps, WITHIN), *documents)
    elif "\n" in old or "\n" in new:
        lines = difflib.unified_diff(
            redaction.text(old).splitlines(), redaction.text(new).splitlines(), "", "", "", "",
            CONTEXT, lineterm="",
        )  # fmt: skip
        yield Difference(steps=steps, lines=[f"  {path(steps)}:", *list(lines)[2:]])
    else:
        yield _changed(kind, steps, old, new)


def _document(text: str) -> Any:
    """Read a text as JSON or YAML; None if it is neither, or only a sentence."""
    if not (text.lstrip()[:1] in ("{", "[") or "\n" in text) or len(text) > LARGEST:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            # References can make a small document expand without end.
            found = None if REFERENCE.search(text) else list(fast_yaml.load_all(text))
        except (yaml.YAMLError, ValueError, RecursionError):
            return None
        if found and len(found) == 1:
            found = found[0]
    return found if isinstance(found, dict | list) else None


def _changed(kind: str, steps: Steps, old: Any, new: Any) -> Difference:
    if isinstance(old, list) and isinstance(new, list):
        before, after = (_yaml(redaction.value(kind, steps, side)) for side in (old, new))
        lines = difflib.unified_diff(before, after, "", "", "", "", CONTEXT, lineterm="")
        return Difference(steps=steps, lines=[f"  {path(steps)}:", *list(lines)[2:]])
    return Difference(
        steps=steps, lines=[*_lines("-", kind, steps, old), *_lines("+", kind, steps, new)]
    )


def _lines(sign: str, kind: str, steps: Steps, found: Any) -> list[str]:
    shown = redaction.value(kind, steps, found)
    if isinstance(shown, str) and shown == redaction.SECRET:
        return [f"{sign} {path(steps)}: {shown}"]
    first, *rest = _yaml(shown)
    if not rest and not (isinstance(shown, dict | list) and shown):
        return [f"{sign} {path(steps)}: {first}"]
    return [f"{sign} {path(steps)}:", *(f"{sign}   {line}" for line in (first, *rest))]


def _yaml(found: Any) -> list[str]:
    """Return a value as lines of YAML; a text of several lines is returned as it is."""
    if isinstance(found, str) and "\n" in found:
        return found.splitlines()
    text = yaml.dump(
        found, Dumper=fast_yaml.Dumper, sort_keys=False, width=2**31 - 1, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...").splitlines() or ['""']


def path(steps: Steps) -> str:
    """Return steps as a path, such as spec.containers[discovery].image."""
    spelled = ""
    for step in steps:
        if isinstance(step, Item):
            spelled += f"[{step}]"
        elif step == WITHIN:
            spelled += ": "
        elif re.fullmatch(r"[\w$-]+", step):
            spelled += step if not spelled or spelled.endswith(" ") else f".{step}"
        else:
            spelled += f'["{step}"]'
    return spelled
