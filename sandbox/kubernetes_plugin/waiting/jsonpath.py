"""The JSONPath expressions of `pulumi.com/waitFor`."""

import re
from dataclasses import dataclass
from typing import Any

from ..objects import Object

_BRACES = re.compile(r"\{\s*(.*?)\s*\}")
_STEP = re.compile(
    r"""\.\.(?P<deep>\*|[A-Za-z_][\w-]*)
      | \.(?P<name>\*|[A-Za-z_][\w-]*)
      | \[(?P<index>-?\d+)\]
      | \[(?P<star>\*)\]
      | \[(?P<quote>['"])(?P<key>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\]
      | \[\?\(?\s*@(?P<path>(?:\.[\w-]+|\[\d+\]|\[(?:'[^']*'|"[^"]*")\])*)\s*
          (?:(?P<op>==|!=|<=|>=|<|>)\s*(?P<value>'[^']*'|"[^"]*"|-?[\d.]+|true|false|null))?
          \s*\)?\]""",
    re.VERBOSE,
)
_COMPARE = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Expression:
    """`{.path}`, or `{.path}=value`."""

    path: str
    """As the user wrote it, with braces."""
    value: str
    """What the first match must be; empty when anything will do."""
    steps: tuple[re.Match[str], ...]

    def __str__(self) -> str:
        return f"{self.path}={self.value}" if self.value else self.path

    def matches(self, obj: Object) -> tuple[bool, str]:
        """Tell whether an object fits, and what was found instead.

        Raises:
            ValueError: A value is compared with a map or a list.

        """
        found = _select([obj], self.steps)
        if not found:
            return False, f"{self.path} selected nothing"
        first = found[0]
        if isinstance(first, dict | list):
            if self.value:
                raise ValueError(f'"{self.path}" has a non-primitive value ({first})')
            return True, ""
        text = go_text(first)
        if not self.value or text == self.value:
            return True, text
        return False, f'Waiting for {self} (found "{text}")' if text else f"Waiting for {self}"


def parse(text: str) -> Expression:
    """Parse `jsonpath={.path}=value`.

    Raises:
        ValueError: It isn't such an expression.

    """
    raw = text.removeprefix("jsonpath=")
    if raw == text:
        raise ValueError("JSONPath expression must begin with a 'jsonpath=' prefix")
    # Only a single = splits: == belongs to a filter.
    parts = re.split(r"(?<!=)=(?!=)", re.sub(r"(?<=[!<>])=", "\0", raw))
    path, *values = (part.replace("\0", "=") for part in parts)
    if len(values) > 1:
        raise ValueError(f'format should be {{.path}}=value or {{.path}}, got "{raw}"')
    if values == [""]:
        raise ValueError(f"{path}= requires a value")
    if path.startswith("'") and path.endswith("'"):
        raise ValueError(f"{path} should omit shell quotes")
    inner = _BRACES.search(path)
    if not inner:
        raise ValueError(f"{path} should be wrapped in brackets {{ ... }}")
    return Expression(path, values[0] if values else "", _steps(inner.group(1), path))


def _steps(expression: str, shown: str) -> tuple[re.Match[str], ...]:
    rest = expression.removeprefix("$")
    steps = []
    while rest:
        match = _STEP.match(rest)
        if not match:
            raise ValueError(f'parsing "{shown}": unexpected {rest!r}')
        steps.append(match)
        rest = rest[match.end() :]
    return tuple(steps)


def _select(values: list[Any], steps: tuple[re.Match[str], ...]) -> list[Any]:
    for step in steps:
        values = [found for value in values for found in _apply(value, step)]
    return values


def _apply(value: Any, step: re.Match[str]) -> list[Any]:
    part = step.groupdict()
    if part["deep"]:
        below = [value, *_descendants(value)]
        return [found for each in below for found in _child(each, part["deep"])]
    if part["name"] or part["star"]:
        return _child(value, part["name"] or "*")
    if part["quote"]:
        key = re.sub(r"\\(.)", r"\1", part["key"])
        return [value[key]] if isinstance(value, dict) and key in value else []
    if part["index"]:
        index = int(part["index"])
        fits = isinstance(value, list) and -len(value) <= index < len(value)
        return [value[index]] if fits else []
    items = value.values() if isinstance(value, dict) else value
    return [item for item in items if _filter(item, part)] if isinstance(value, dict | list) else []


def _child(value: Any, name: str) -> list[Any]:
    if name == "*":
        if isinstance(value, dict):
            return list(value.values())
        return list(value) if isinstance(value, list) else []
    return [value[name]] if isinstance(value, dict) and name in value else []


def _descendants(value: Any) -> list[Any]:
    children = _child(value, "*")
    return children + [found for child in children for found in _descendants(child)]


def _filter(item: Any, part: dict[str, Any]) -> bool:
    found = _select([item], _steps(part["path"] or "", part["path"] or "@"))
    if not part["op"]:
        return bool(found)
    literal = part["value"]
    wanted: Any = {"true": True, "false": False, "null": None}.get(literal, literal)
    if isinstance(wanted, str):
        wanted = literal[1:-1] if literal[0] in "'\"" else float(literal)
    if not found:
        return part["op"] == "!="
    try:
        return _COMPARE[part["op"]](found[0], wanted)
    except TypeError:
        return False


def go_text(value: Any) -> str:
    """Write a scalar as Go prints it."""
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
