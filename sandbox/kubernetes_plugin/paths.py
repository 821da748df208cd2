"""Property paths, as in `ignoreChanges` and in a detailed diff."""

import re
from collections.abc import Sequence

Path = tuple[str | int, ...]
_PLAIN = re.compile(r"[A-Za-z0-9_]*")


def parse(text: str) -> Path:
    """Parse `spec.ports[0]["a.b"]`.

    Raises:
        ValueError: The text isn't a property path.

    """
    parts: list[str | int] = []
    rest = text
    while rest:
        if rest[0] == ".":
            rest = rest[1:]
            if not rest or rest[0] in ".[":
                raise ValueError(f"property path {text!r}: a name must follow every dot")
        elif rest.startswith('["'):
            key, rest = _quoted(text, rest[2:])
            parts.append(key)
        elif rest[0] == "[":
            index, closing, rest = rest[1:].partition("]")
            if not closing or not (index.isdigit() or index == "*"):
                raise ValueError(f"property path {text!r}: an index must be [number] or [*]")
            parts.append("*" if index == "*" else int(index))
        else:
            end = next((i for i, letter in enumerate(rest) if letter in ".["), len(rest))
            parts.append(rest[:end])
            rest = rest[end:]
    return tuple(parts)


def _quoted(text: str, rest: str) -> tuple[str, str]:
    key = ""
    while rest:
        if rest.startswith('\\"'):
            key, rest = f'{key}"', rest[2:]
        elif rest.startswith('"]'):
            return key, rest[2:]
        elif rest[0] == '"':
            break
        else:
            key, rest = key + rest[0], rest[1:]
    raise ValueError(f'property path {text!r}: a quoted key must end in "]')


def render(path: Sequence[str | int]) -> str:
    """Write a path so that the engine can parse it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif any(letter in part for letter in '."[]'):
            escaped = part.replace('"', '\\"')
            text += f'["{escaped}"]'
        else:
            text += f".{part}" if text else part
    return text


def spelled(path: Sequence[str | int]) -> str:
    """Write a path as the official plugin's library does: it quotes all but plain words."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN.fullmatch(part):
            text += f".{part}" if text else part
        else:
            escaped = part.replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def contains(outer: Path, inner: Path) -> bool:
    """Tell whether `inner` is `outer` or lies below it; `*` stands for any part."""
    return len(inner) >= len(outer) and all(
        ours in ("*", theirs) and (ours == "*" or type(ours) is type(theirs))
        for ours, theirs in zip(outer, inner, strict=False)
    )
