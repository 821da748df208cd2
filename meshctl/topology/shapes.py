"""The shapes of an SVG: rectangles, texts, arrows and icons, as elements of XML."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from meshctl.topology.cards import TITLE, visible
from meshctl.topology.layout import Box, Point

BEND = 8
"""Radius of an arrow's corners."""
TIP = 8
"""Length of an arrow's head."""
ICONS = {
    "strict": ("M3.5 7.5h9v6.5h-9z", "M5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5"),
    "permissive": ("M3.5 7.5h9v6.5h-9z", "M5.5 7.5V4a2.5 2.5 0 0 1 4.9-.7"),
    "disable": ("M3.5 7.5h9v6.5h-9z", "M5.5 7.5V4a2.5 2.5 0 0 1 4.9-.7", "M2 2.5l12 12"),
    "none": (),
    "door": ("M4 14V2.5h8V14", "M2 14h12", "M9.8 8v1.2"),
}
"""The lines of each icon, 16 wide and high."""


def icon(parent: Element, corner: Point, name: str, look: str = "") -> None:
    """Draw an icon by its upper left corner."""
    group = SubElement(parent, "g", {"transform": f"translate({at(corner)})"})
    for i, line in enumerate(ICONS[name]):
        full = "full" if name == "strict" and i == 0 else ""
        is_slash = name == "disable" and i == len(ICONS[name]) - 1
        style = classes("icon", full, "wrong" if is_slash else look)
        SubElement(group, "path", {"class": style, "d": line})


def arrow(parent: Element, way: Sequence[Point], look: str) -> None:
    """Draw an arrow through corners; it ends downwards."""
    *corners, tip = way
    path = _rounded([*corners, (tip[0], tip[1] - TIP)])
    SubElement(parent, "path", {"class": classes("arrow", look), "d": path})
    _head(parent, tip, look)


def rect(parent: Element, box: Box, look: str, radius: int) -> None:
    """Draw a rectangle with round corners."""
    SubElement(
        parent,
        "rect",
        {
            "class": look,
            "x": number(box.x),
            "y": number(box.y),
            "width": number(box.width),
            "height": number(box.height),
            "rx": str(radius),
        },
    )


def text(parent: Element, place: Point, said: str, style: str, anchor: str = "start") -> None:
    """Write a text on one line."""
    x, y = place
    made = SubElement(parent, "text", {"class": style, "x": number(x), "y": number(y)})
    if anchor != "start":
        made.set("text-anchor", anchor)
    if style == "title":
        made.set("font-size", str(TITLE))
    made.text = visible(said)


def tooltip(parent: Element, said: str) -> None:
    """Give a group of shapes a tooltip."""
    SubElement(parent, "title").text = visible(said)


def classes(*names: str) -> str:
    """Return the names that aren't empty as the value of the attribute `class`."""
    return " ".join(filter(None, names))


def at(point: Point) -> str:
    """Return a point as a path has it."""
    return " ".join(map(number, point))


def number(value: float) -> str:
    """Return a number with one digit after the point at most."""
    return f"{value:.1f}".removesuffix(".0")


def _rounded(way: Sequence[Point]) -> str:
    """Return a way through corners as a path with rounded ones."""
    found = [f"M{at(way[0])}"]
    for before, corner, after in zip(way, way[1:], way[2:], strict=False):
        radius = min(BEND, _far(before, corner) / 2, _far(corner, after) / 2)
        if radius:
            found.append(f"L{at(_towards(corner, before, radius))}")
            found.append(f"Q{at(corner)} {at(_towards(corner, after, radius))}")
    return " ".join([*found, f"L{at(way[-1])}"])


def _far(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(corner: Point, other: Point, radius: float) -> Point:
    """Return the point at a distance from a corner, on the upright or level line to another."""
    share = radius / _far(corner, other)
    (x, y), (to_x, to_y) = corner, other
    return x + (to_x - x) * share, y + (to_y - y) * share


def _head(parent: Element, tip: Point, look: str) -> None:
    x, y = tip
    points = " ".join(map(at, ((x - 4.5, y - TIP), (x + 4.5, y - TIP), (x, y))))
    SubElement(parent, "polygon", {"class": classes("head", look), "points": points})
