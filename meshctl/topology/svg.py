"""The picture as SVG, complete in itself: it needs no other file, and follows light and dark."""

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from meshctl.topology import changes, drawn_card, legend, palette, shapes
from meshctl.topology.cards import BOLD, ICON, LINE, STEM, TEXT, width
from meshctl.topology.changes import Key
from meshctl.topology.layout import MARGIN, Arrow, Box, Layout, Place, lay_out
from meshctl.topology.palette import Scheme
from meshctl.topology.picture import Call, Picture

FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
NAMESPACE = "http://www.w3.org/2000/svg"
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
    cards = [place.card for _, layout, _ in sides for place in layout.places]
    signs, below = legend.legend(cards, wide, has_marks=any(marked for *_, marked in sides))
    root = Element(
        "svg",
        {
            "xmlns": NAMESPACE,
            "class": "topology",
            "role": "img",
            "width": shapes.number(wide),
            "height": shapes.number(high + below),
            "viewBox": f"0 0 {shapes.number(wide)} {shapes.number(high + below)}",
            "font-family": FONT,
            "font-size": str(TEXT),
        },
    )
    SubElement(root, "title").text = "The mesh: gateways, services and their versions"
    SubElement(root, "style").text = palette.css(scheme)
    shapes.rect(root, Box(x=0, y=0, width=wide, height=high + below), "page", radius=8)
    x = 0.0
    for caption, layout, marked in sides:
        side = SubElement(root, "g", {"transform": f"translate({shapes.number(x)} {top})"})
        if caption:
            shapes.text(side, (MARGIN + 2, -8), caption, "title")
        _layout(side, layout, marked)
        x += layout.width + BETWEEN
    signs.set("transform", f"translate({MARGIN} {shapes.number(high)})")
    root.append(signs)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _layout(parent: Element, layout: Layout, marked: frozenset[Key]) -> None:
    for frame in layout.frames:
        box = frame.box
        shapes.rect(parent, box, "frame", radius=10)
        x, anchor = (box.right - 12, "end") if frame.is_title_right else (box.x + 12, "start")
        shapes.text(parent, (x, box.y + 20), frame.title, "muted", anchor)
    looks = [(_look(arrow.call, marked), arrow) for arrow in layout.arrows]
    # Arrows to one card share their last piece: what is marked or refused is drawn over the others.
    for look, arrow in sorted(looks, key=lambda each: ("", "changed", "refused").index(each[0])):
        _arrow(parent, arrow, look)
    for place in layout.places:
        _refusals(parent, place)
        drawn_card.draw(parent, place.card, place.box, marked)


def _look(call: Call, marked: frozenset[Key]) -> str:
    if call.refusal:
        return "refused"
    return "changed" if ("call", call.caller, call.version, call.service) in marked else ""


def _arrow(parent: Element, arrow: Arrow, look: str) -> None:
    call = arrow.call
    says = (
        f"{call.caller} {call.version}".strip() + f" to {call.service or 'hosts outside the mesh'}"
    )
    group = SubElement(parent, "g")
    shapes.tooltip(group, f"{says}: {call.refusal}" if call.refusal else says)
    shapes.arrow(group, arrow.points, look)


def _refusals(parent: Element, place: Place) -> None:
    """Write above a card why calls to it are refused."""
    if not place.refusals:
        return
    wide = max(width(line, TEXT * BOLD) for line in place.refusals) + ICON + 8
    high = LINE * len(place.refusals)
    x, y = place.box.middle - wide / 2, place.box.y - STEM - high + 2
    shapes.rect(parent, Box(x=x, y=y, width=wide, height=high), "halo outside", radius=4)
    shapes.icon(parent, (x + 2, y + high / 2 - 8), "door", "wrong")
    for i, line in enumerate(place.refusals):
        shapes.text(parent, (x + ICON + 2, y + 12 + LINE * i), line, "problem")
