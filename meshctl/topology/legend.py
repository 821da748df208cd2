"""The legend of an SVG: the signs that occur in it, each with its meaning."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from meshctl.topology import shapes
from meshctl.topology.cards import TEXT, Card, width
from meshctl.topology.layout import MARGIN

ROW = 20
"""Height of a row of signs."""
MEANINGS = {
    "strict": "mutual TLS only",
    "permissive": "mutual TLS, plain text too",
    "disable": "plain text",
    "door": "closed to all others",
    "mirror": "copies of requests",
    "changed": "changes",
}
"""The signs of the legend."""


def legend(cards: Sequence[Card], wide: float, *, has_marks: bool) -> tuple[Element, float]:
    """Return the legend of cards as an element, and its height."""
    has_mirrors = any(tile.is_mirror_only for card in cards for tile in card.tiles)
    signs = {icon for card in cards for icon in card.icons}
    signs |= {*(["mirror"] if has_mirrors else ()), *(["changed"] if has_marks else ())}
    group = Element("g")
    x, row = 0.0, 0
    for sign, meaning in MEANINGS.items():
        if sign not in signs:
            continue
        needs = 26 + width(meaning, TEXT)
        if x and x + needs > wide - 2 * MARGIN:
            x, row = 0.0, row + 1
        y = row * ROW
        if sign in shapes.ICONS:
            shapes.icon(group, (x, y), sign)
        else:
            look = {"class": shapes.classes("arrow", sign), "d": f"M{shapes.at((x, y + 8))} h16"}
            SubElement(group, "path", look)
        shapes.text(group, (x + 22, y + 12), meaning, "muted")
        x += needs
    return group, (row + 1) * ROW + MARGIN if x else 0
