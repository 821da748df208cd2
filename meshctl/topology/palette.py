"""The colours of a picture, in light and in dark, as rules of CSS."""

from collections.abc import Mapping
from typing import Literal

Scheme = Literal["light", "dark"]

COLOURS: Mapping[Scheme, Mapping[str, str]] = {
    "light": {
        "page": "#ffffff",
        "frame": "#f6f8fa",
        "card": "#ffffff",
        "tile": "#eef3fb",
        "line": "#c9d1d9",
        "text": "#1f2328",
        "muted": "#59636e",
        "arrow": "#4a6fa5",
        "copy": "#8250df",
        "problem": "#cf222e",
        "wrong": "#ffebe9",
        "changed": "#9a6700",
        "change": "#fff8c5",
        "waypoint": "#ddf4ff",
    },
    "dark": {
        "page": "#0d1117",
        "frame": "#151b23",
        "card": "#1f2630",
        "tile": "#2a3443",
        "line": "#3d444d",
        "text": "#f0f6fc",
        "muted": "#a5afb9",
        "arrow": "#86aee0",
        "copy": "#bc9cff",
        "problem": "#ff8078",
        "wrong": "#4a1f22",
        "changed": "#e3b341",
        "change": "#3f3315",
        "waypoint": "#133a52",
    },
}
RULES = (
    (".page", "fill: {page}"),
    (".frame", "fill: {frame}; stroke: {line}"),
    (".card", "fill: {card}; stroke: {line}"),
    (".tile", "fill: {tile}"),
    (".band", "fill: {waypoint}"),
    (".elsewhere", "stroke-dasharray: 5 4"),
    (".card.wrong", "stroke: {problem}"),
    (".tile.wrong", "fill: {wrong}; stroke: {problem}"),
    (".card.changed, .tile.changed", "stroke: {changed}; stroke-width: 2.5"),
    (".halo", "fill: {card}"),
    (".halo.outside", "fill: {frame}"),
    (".halo.changed", "fill: {change}; stroke: {changed}"),
    (".title", "fill: {text}; font-weight: 600"),
    (".text, .rule", "fill: {text}"),
    (".muted", "fill: {muted}"),
    (".copy", "fill: {copy}"),
    (".problem", "fill: {problem}; font-weight: 600"),
    (".arrow", "fill: none; stroke: {arrow}; stroke-width: 1.75"),
    (".head", "fill: {arrow}"),
    (".arrow.mirror", "stroke: {copy}; stroke-dasharray: 5 4"),
    (".head.mirror", "fill: {copy}"),
    (".arrow.changed", "stroke: {changed}; stroke-width: 2.5"),
    (".head.changed", "fill: {changed}"),
    (".arrow.refused", "stroke: {problem}; stroke-dasharray: 2 4"),
    (".head.refused", "fill: {problem}"),
    (".icon", "fill: none; stroke: {muted}; stroke-width: 1.6"),
    (".icon.full", "fill: {muted}"),
    (".icon.wrong", "stroke: {problem}"),
)
"""What each class looks like; a later rule wins."""


def css(scheme: Scheme | None) -> str:
    """Return the rules for a scheme; without one, those for the viewer's own."""
    if scheme is not None:
        return _rules(COLOURS[scheme])
    dark = _rules(COLOURS["dark"])
    return f"{_rules(COLOURS['light'])}@media (prefers-color-scheme: dark) {{{dark}}}"


def _rules(colours: Mapping[str, str]) -> str:
    # Only inside this picture: a page may have others, and classes of its own.
    return "".join(
        f"{', '.join(f'.topology {each.strip()}' for each in classes.split(','))}"
        f" {{{look.format(**colours)}}} "
        for classes, look in RULES
    )
