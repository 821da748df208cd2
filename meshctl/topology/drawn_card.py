"""A card as SVG: its texts and signs, and the versions of a service with the arrows to them."""

from xml.etree.ElementTree import Element, SubElement

from meshctl.topology import shapes
from meshctl.topology.cards import BAND, HEADER, ICON, LINE, PAD, STEM, Card, Tile
from meshctl.topology.changes import Key
from meshctl.topology.layout import Box
from meshctl.topology.picture import Gateway


def draw(parent: Element, card: Card, box: Box, marked: frozenset[Key]) -> None:
    """Draw a card with its versions, with what is marked."""
    part = card.part
    group = SubElement(parent, "g")
    shapes.tooltip(group, card.tooltip)
    look = shapes.classes(
        "card",
        "wrong" if part and part.problems else "",
        "elsewhere" if isinstance(part, Gateway) and part.is_elsewhere else "",
        "changed" if card.key in marked else "",
    )
    shapes.rect(group, box, look, radius=8)
    y = box.y
    if card.band:
        band = Box(x=box.x + 4, y=y + 4, width=box.width - 8, height=BAND - 4)
        shapes.rect(group, band, "band", radius=5)
        shapes.text(group, (box.middle, y + 18), card.band, "text", anchor="middle")
        y += BAND
    if card.tiles:
        shapes.text(group, (box.x + PAD, y + 22), card.lines[0].text, "title")
    else:
        shapes.text(group, (box.middle, y + 22), card.lines[0].text, "title", "middle")
    for i, icon in enumerate(reversed(card.icons)):
        shapes.icon(group, (box.right - PAD - 16 - ICON * i, y + 9), icon)
    y += HEADER
    for line in card.lines[1:]:
        shapes.text(group, (box.middle, y + 8), line.text, line.style, anchor="middle")
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
        look = shapes.classes(
            "mirror" if tile.is_mirror_only else "", "changed" if is_marked else ""
        )
        _drop(parent, gap, x, look)
    for is_marked, tile, x in drops:
        _rules(parent, tile, gap, x, is_marked=is_marked)
    for tile, x in zip(card.tiles, centres, strict=True):
        box = Box(
            x=x - card.tile_width / 2,
            y=gap.bottom,
            width=card.tile_width,
            height=card.tile_height,
        )
        is_marked = ("version", service, tile.version.name) in marked
        group = SubElement(parent, "g")
        said = (f"{service} {tile.version.name}", *tile.version.problems)
        shapes.tooltip(group, ", ".join(said))
        look = shapes.classes(
            "tile", "wrong" if tile.version.problems else "", "changed" if is_marked else ""
        )
        shapes.rect(group, box, look, radius=6)
        for i, line in enumerate(tile.lines):
            shapes.text(group, (x, box.y + 17 + LINE * i), line.text, line.style, anchor="middle")


def _drop(parent: Element, gap: Box, x: float, look: str) -> None:
    """Draw the arrow from a service's name to one of its versions."""
    turn = gap.y + 6
    way = ((gap.middle, gap.y - 6), (gap.middle, turn), (x, turn), (x, gap.bottom))
    shapes.arrow(parent, way, look)


def _rules(parent: Element, tile: Tile, gap: Box, x: float, *, is_marked: bool) -> None:
    if not tile.rules:
        return
    wide = max(line.width for line in tile.rules) + 6
    high = LINE * len(tile.rules) + 2
    box = Box(x=x - wide / 2, y=gap.bottom - STEM - high + 2, width=wide, height=high)
    shapes.rect(parent, box, shapes.classes("halo", "changed" if is_marked else ""), radius=4)
    for i, line in enumerate(tile.rules):
        shapes.text(parent, (x, box.y + 13 + LINE * i), line.text, line.style, anchor="middle")
