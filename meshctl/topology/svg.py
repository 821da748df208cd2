"""The picture as SVG, complete in itself: it needs no other file, and follows light and dark."""

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from meshctl.topology import changes, palette
from meshctl.topology.cards import (
    BAND,
    BOLD,
    HEADER,
    ICON,
    LINE,
    PAD,
    STEM,
    TEXT,
    TITLE,
    Card,
    Tile,
    width,
)
from meshctl.topology.changes import Key
from meshctl.topology.layout import MARGIN, Arrow, Box, Layout, Place, Point, lay_out
from meshctl.topology.palette import Scheme
from meshctl.topology.picture import Call, Gateway, Picture

FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
NAMESPACE = "http://www.w3.org/2000/svg"
BEND = 8
"""Radius of an arrow's corners."""
TIP = 8
"""Length of an arrow's head."""
BETWEEN = 24
"""Space between two pictures."""
CAPTION = 30
"""Height of the line above each of two pictures."""


def draw(picture: Picture, after: Picture | None = None, *, scheme: Scheme | None = None) -> str:
    """Return a picture as SVG, or two side by side with what differs marked in both.

    Without a scheme it has the viewer's own colours.
    """
    sides = changes.sides(picture, after)
    drawn = [(caption, lay_out(side), marked) for caption, side, marked in sides]
    return _svg(drawn, scheme)


def _svg(sides: Sequence[tuple[str, Layout, frozenset[Key]]], scheme: Scheme | None) -> str:
    """Draw layouts side by side, each with its caption and the parts to mark."""
    top = CAPTION if len(sides) > 1 else 0
    wide = sum(layout.width for _, layout, _ in sides) + BETWEEN * (len(sides) - 1)
    high = top + max(layout.height for _, layout, _ in sides)
    legend, legend_height = _legend(
        [layout for _, layout, _ in sides], wide, has_marks=any(marked for *_, marked in sides)
    )
    root = Element(
        "svg",
        {
            "xmlns": NAMESPACE,
            "class": "topology",
            "role": "img",
            "width": _number(wide),
            "height": _number(high + legend_height),
            "viewBox": f"0 0 {_number(wide)} {_number(high + legend_height)}",
            "font-family": FONT,
            "font-size": str(TEXT),
        },
    )
    SubElement(root, "title").text = "The mesh: gateways, services and their versions"
    SubElement(root, "style").text = palette.css(scheme)
    _rect(root, Box(x=0, y=0, width=wide, height=high + legend_height), "page", radius=8)
    x = 0.0
    for caption, layout, marked in sides:
        side = SubElement(root, "g", {"transform": f"translate({_number(x)} {top})"})
        if caption:
            _text(side, (MARGIN + 2, -8), caption, "title")
        _layout(side, layout, marked)
        x += layout.width + BETWEEN
    legend.set("transform", f"translate({MARGIN} {_number(high)})")
    root.append(legend)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _layout(parent: Element, layout: Layout, marked: frozenset[Key]) -> None:
    for frame in layout.frames:
        box = frame.box
        _rect(parent, box, "frame", radius=10)
        x, anchor = (box.right - 12, "end") if frame.is_title_right else (box.x + 12, "start")
        _text(parent, (x, box.y + 20), frame.title, "muted", anchor)
    looks = [(_look(arrow.call, marked), arrow) for arrow in layout.arrows]
    # Arrows to one card share their last piece: what is marked or refused is drawn over the others.
    for look, arrow in sorted(looks, key=lambda each: ("", "changed", "refused").index(each[0])):
        _arrow(parent, arrow, look)
    for place in layout.places:
        _refusals(parent, place)
        _card(parent, place.card, place.box, marked)


def _look(call: Call, marked: frozenset[Key]) -> str:
    if call.refusal:
        return "refused"
    return "changed" if ("call", call.caller, call.version, call.service) in marked else ""


def _arrow(parent: Element, arrow: Arrow, look: str) -> None:
    call = arrow.call
    says = f"{call.caller} {call.version}".strip() + f" to {call.service}"
    group = SubElement(parent, "g")
    SubElement(group, "title").text = _clean(f"{says}: {call.refusal}" if call.refusal else says)
    *way, tip = arrow.points
    way.append((tip[0], tip[1] - TIP))
    SubElement(group, "path", {"class": _classes("arrow", look), "d": _rounded(way)})
    _head(group, tip, look)


def _rounded(way: Sequence[Point]) -> str:
    """Return a way through corners as a path with rounded ones."""
    found = [f"M{_at(way[0])}"]
    for before, corner, after in zip(way, way[1:], way[2:], strict=False):
        radius = min(BEND, _far(before, corner) / 2, _far(corner, after) / 2)
        if radius:
            found.append(f"L{_at(_towards(corner, before, radius))}")
            found.append(f"Q{_at(corner)} {_at(_towards(corner, after, radius))}")
    return " ".join([*found, f"L{_at(way[-1])}"])


def _far(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(corner: Point, other: Point, radius: float) -> Point:
    """Return the point at a distance from a corner, on the upright or level line to another."""
    share = radius / _far(corner, other)
    (x, y), (to_x, to_y) = corner, other
    return x + (to_x - x) * share, y + (to_y - y) * share


def _refusals(parent: Element, place: Place) -> None:
    """Write above a card why calls to it are refused."""
    if not place.refusals:
        return
    wide = max(width(line, TEXT * BOLD) for line in place.refusals) + ICON + 8
    high = LINE * len(place.refusals)
    x, y = place.box.middle - wide / 2, place.box.y - STEM - high + 2
    _rect(parent, Box(x=x, y=y, width=wide, height=high), "halo outside", radius=4)
    _icon(parent, (x + 2, y + high / 2 - 8), "door", "wrong")
    for i, line in enumerate(place.refusals):
        _text(parent, (x + ICON + 2, y + 12 + LINE * i), line, "problem")


def _card(parent: Element, card: Card, box: Box, marked: frozenset[Key]) -> None:
    part = card.part
    group = SubElement(parent, "g")
    SubElement(group, "title").text = _clean(card.tooltip)
    look = _classes(
        "card",
        "wrong" if part.problems else "",
        "elsewhere" if isinstance(part, Gateway) and part.is_elsewhere else "",
        "changed" if card.key in marked else "",
    )
    _rect(group, box, look, radius=8)
    y = box.y
    if card.band:
        band = Box(x=box.x + 4, y=y + 4, width=box.width - 8, height=BAND - 4)
        _rect(group, band, "band", radius=5)
        _text(group, (box.x + box.width / 2, y + 18), card.band, "text", anchor="middle")
        y += BAND
    if card.tiles:
        _text(group, (box.x + PAD, y + 22), card.lines[0].text, "title")
    else:
        _text(group, (box.x + box.width / 2, y + 22), card.lines[0].text, "title", "middle")
    for i, icon in enumerate(reversed(card.icons)):
        _icon(group, (box.x + box.width - PAD - 16 - ICON * i, y + 9), icon)
    y += HEADER
    for line in card.lines[1:]:
        _text(group, (box.x + box.width / 2, y + 8), line.text, line.style, anchor="middle")
        y += LINE
    if card.tiles:
        gap = Box(x=box.x, y=box.y + card.head, width=box.width, height=card.gap)
        _tiles(group, card, gap, marked)


def _tiles(parent: Element, card: Card, gap: Box, marked: frozenset[Key]) -> None:
    """Draw the versions of a service, and the arrows through the gap above them."""
    each = gap.width / len(card.tiles)
    centres = [gap.x + each * (i + 0.5) for i in range(len(card.tiles))]
    service = card.key[1]
    drops = [
        (("routes", service, tile.version.name) in marked, tile, x)
        for tile, x in zip(card.tiles, centres, strict=True)
        if card.has_arrows and tile.is_reached
    ]
    # Arrows share their first piece: copies are drawn first, and what is marked over the others.
    for is_marked, tile, x in sorted(drops, key=lambda drop: (drop[0], not drop[1].is_mirror_only)):
        look = _classes("mirror" if tile.is_mirror_only else "", "changed" if is_marked else "")
        _drop(parent, gap, x, look)
    for is_marked, tile, x in drops:
        _rules(parent, tile, gap, x, is_marked=is_marked)
    for tile, x in zip(card.tiles, centres, strict=True):
        box = Box(
            x=x - card.tile_width / 2,
            y=gap.y + gap.height,
            width=card.tile_width,
            height=card.tile_height,
        )
        is_marked = ("version", service, tile.version.name) in marked
        group = SubElement(parent, "g")
        said = (f"{service} {tile.version.name}", *tile.version.problems)
        SubElement(group, "title").text = _clean(", ".join(said))
        look = _classes(
            "tile", "wrong" if tile.version.problems else "", "changed" if is_marked else ""
        )
        _rect(group, box, look, radius=6)
        for i, line in enumerate(tile.lines):
            _text(group, (x, box.y + 17 + LINE * i), line.text, line.style, anchor="middle")


def _drop(parent: Element, gap: Box, x: float, look: str) -> None:
    """Draw the arrow from a service's name to one of its versions."""
    turn = gap.y + 6
    way = [(gap.middle, gap.y - 6), (gap.middle, turn), (x, turn), (x, gap.bottom - TIP)]
    SubElement(parent, "path", {"class": _classes("arrow", look), "d": _rounded(way)})
    _head(parent, (x, gap.bottom), look)


def _rules(parent: Element, tile: Tile, gap: Box, x: float, *, is_marked: bool) -> None:
    if not tile.rules:
        return
    wide = max(line.width for line in tile.rules) + 6
    high = LINE * len(tile.rules) + 2
    box = Box(x=x - wide / 2, y=gap.bottom - STEM - high + 2, width=wide, height=high)
    _rect(parent, box, _classes("halo", "changed" if is_marked else ""), radius=4)
    for i, line in enumerate(tile.rules):
        _text(parent, (x, box.y + 13 + LINE * i), line.text, line.style, anchor="middle")


def _head(parent: Element, tip: Point, look: str) -> None:
    x, y = tip
    points = " ".join(map(_at, ((x - 4.5, y - TIP), (x + 4.5, y - TIP), (x, y))))
    SubElement(parent, "polygon", {"class": _classes("head", look), "points": points})


ICONS = {
    "strict": ("M3.5 7.5h9v6.5h-9z", "M5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5"),
    "permissive": ("M3.5 7.5h9v6.5h-9z", "M5.5 7.5V4a2.5 2.5 0 0 1 4.9-.7"),
    "disable": ("M3.5 7.5h9v6.5h-9z", "M5.5 7.5V4a2.5 2.5 0 0 1 4.9-.7", "M2 2.5l12 12"),
    "none": (),
    "door": ("M4 14V2.5h8V14", "M2 14h12", "M9.8 8v1.2"),
}
"""The lines of each icon, 16 wide and high."""


def _icon(parent: Element, at: Point, name: str, look: str = "") -> None:
    group = SubElement(parent, "g", {"transform": f"translate({_at(at)})"})
    for i, line in enumerate(ICONS[name]):
        full = "full" if name == "strict" and i == 0 else ""
        is_slash = name == "disable" and i == len(ICONS[name]) - 1
        style = _classes("icon", full, "wrong" if is_slash else look)
        SubElement(group, "path", {"class": style, "d": line})


def _legend(layouts: Sequence[Layout], wide: float, *, has_marks: bool) -> tuple[Element, float]:
    """Return the signs that occur, each with its meaning, and the height that they take."""
    cards = [place.card for layout in layouts for place in layout.places]
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
        y = row * 20
        if sign in ICONS:
            _icon(group, (x, y), sign)
        else:
            look = {"class": _classes("arrow", sign), "d": f"M{_at((x, y + 8))} h16"}
            SubElement(group, "path", look)
        _text(group, (x + 22, y + 12), meaning, "muted")
        x += needs
    return group, (row + 1) * 20 + MARGIN if x else 0


MEANINGS = {
    "strict": "mutual TLS only",
    "permissive": "mutual TLS, plain text too",
    "disable": "plain text",
    "door": "closed to all others",
    "mirror": "copies of requests",
    "changed": "changes",
}
"""The signs of the legend."""


def _rect(parent: Element, box: Box, classes: str, radius: int) -> None:
    SubElement(
        parent,
        "rect",
        {
            "class": classes,
            "x": _number(box.x),
            "y": _number(box.y),
            "width": _number(box.width),
            "height": _number(box.height),
            "rx": str(radius),
        },
    )


def _text(parent: Element, at: Point, text: str, style: str, anchor: str = "start") -> None:
    x, y = at
    made = SubElement(parent, "text", {"class": style, "x": _number(x), "y": _number(y)})
    if anchor != "start":
        made.set("text-anchor", anchor)
    if style == "title":
        made.set("font-size", str(TITLE))
    made.text = _clean(text)


def _clean(text: str) -> str:
    """Replace characters that XML refuses, or that would hide or reverse the text around them."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _classes(*names: str) -> str:
    return " ".join(filter(None, names))


def _at(point: Point) -> str:
    return " ".join(map(_number, point))


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
