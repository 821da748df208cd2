"""Cards: gateways, control planes and services as boxes with lines of text, each with its size."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from meshctl.topology.changes import OUTSIDE, Key
from meshctl.topology.picture import ControlPlane, Gateway, Outside, Picture, Service, Version

TITLE, TEXT = 14, 12
"""Sizes of fonts."""
BOLD = 1.17
"""How much wider bold letters are."""
LINE = 16
"""Height of a line of text."""
PAD = 10
HEADER = 34
BAND = 24
"""Height of the band of a waypoint, on top of its service."""
ICON = 20
"""Width of an icon and the space before it."""
STEM = 16
"""Length of an arrow above its label, and below it."""
NARROWEST, WIDEST = 92, 150
"""Widths of a version's tile."""
LONGEST = 26
"""Characters of a line; the rest is in the tooltip."""
HOSTS, OUTER_HOSTS = 3, 6
"""Hosts of a gateway, and outside the mesh, that are shown."""

Style = Literal["title", "text", "muted", "problem", "rule", "copy", "changed"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of text in a card."""

    text: str
    style: Style = "muted"

    @property
    def width(self) -> float:
        """Its width in a wide font: viewers have different ones."""
        size = TITLE if self.style == "title" else TEXT
        return width(self.text, size * BOLD if self.style in ("title", "problem") else size)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A version of a service in its card, with the rules on the arrow to it."""

    version: Version
    lines: tuple[Line, ...]
    rules: tuple[Line, ...]
    is_reached: bool
    is_mirror_only: bool

    @property
    def width(self) -> float:
        """The width of its widest line."""
        widest = max(line.width for line in (*self.lines, *self.rules))
        return max(NARROWEST, widest + 2 * PAD)


@dataclass(frozen=True, kw_only=True)
class Card:
    """A box in the picture."""

    key: Key
    namespace: str
    lines: tuple[Line, ...]
    """The title, and the lines under it."""
    tooltip: str
    part: Gateway | ControlPlane | Service | None
    """None for what is outside the mesh."""
    tiles: tuple[Tile, ...] = ()
    icons: tuple[str, ...] = ()
    band: str = ""

    @property
    def has_arrows(self) -> bool:
        """Whether there are arrows to the tiles: one version without a rule needs none."""
        reached = [tile for tile in self.tiles if tile.is_reached]
        return bool(reached) and (len(self.tiles) > 1 or bool(reached[0].rules))

    @property
    def tile_width(self) -> float:
        """The width of each tile."""
        return max((tile.width for tile in self.tiles), default=0)

    @property
    def width(self) -> float:
        """The width of the card."""
        texts = max((line.width for line in self.lines[1:]), default=0)
        title = self.lines[0].width + ICON * len(self.icons)
        tiles = len(self.tiles) * (self.tile_width + PAD) - PAD if self.tiles else 0
        band = width(self.band, TEXT) + 2 * ICON if self.band else 0
        return round(max(title, texts, tiles, band) + 2 * PAD)

    @property
    def head(self) -> float:
        """The height of band, title and lines."""
        below = LINE * (len(self.lines) - 1)
        if below and self.tiles:
            below += PAD  # else an arrow would start in a text
        return (BAND if self.band else 0) + HEADER + below

    @property
    def gap(self) -> float:
        """The height between head and tiles, where the arrows are."""
        if not self.has_arrows:
            return 0
        return 2 * STEM + LINE * max(len(tile.rules) for tile in self.tiles)

    @property
    def tile_height(self) -> float:
        """The height of each tile."""
        return LINE * max(len(tile.lines) for tile in self.tiles) + PAD

    @property
    def height(self) -> float:
        """The height of the card."""
        if self.tiles:
            return self.head + self.gap + self.tile_height + PAD
        return self.head + (PAD if len(self.lines) > 1 else 0)


def cards(picture: Picture) -> list[Card]:
    """List the cards of a picture."""
    return [
        *(_gateway(each) for each in picture.gateways),
        *(_control_plane(each) for each in picture.control_planes),
        *(_service(each, picture.namespace) for each in picture.services),
        *([_outside(picture.outside)] if picture.outside else []),
    ]


def width(text: str, size: float) -> float:
    """Estimate the width of a text; East Asian characters are as wide as high."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return size * (0.6 * (len(text) - wide) + wide)


def visible(text: str) -> str:
    """Replace characters that XML refuses, or that would hide or reverse the text around them."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def short(text: str, most: int = LONGEST) -> str:
    """Return a text that is cut to a number of characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def wrapped(text: str, most: int) -> list[str]:
    """Return a text as lines of at most so many characters; a longer word is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(short(word, most))
    return lines


def _gateway(gateway: Gateway) -> Card:
    hosts = _some([Line(text=short(host, 32), style="text") for host in gateway.hosts], HOSTS)
    where = Line(text="gateway of another stack" if gateway.is_elsewhere else "gateway")
    return Card(
        key=("gateway", gateway.full_name),
        namespace=gateway.namespace,
        lines=(_title(gateway.name), where, *hosts, *_problems(gateway.problems, 32)),
        tooltip=", ".join((gateway.name, *gateway.hosts, *gateway.problems)),
        part=gateway,
    )


def _control_plane(plane: ControlPlane) -> Card:
    said = f"{plane.version}, {plane.revision}" if plane.version else plane.revision
    return Card(
        key=("control plane", plane.full_name),
        namespace=plane.namespace,
        lines=(_title(plane.name), Line(text=short(said, 32)), *_problems(plane.problems, 24)),
        tooltip=", ".join((plane.name, said, *plane.problems)),
        part=plane,
    )


def _service(service: Service, namespace: str) -> Card:
    most = max(len(service.versions) * 18, LONGEST)
    return Card(
        key=("service", service.name),
        namespace=namespace,
        lines=(_title(service.name), *_problems(service.problems, most)),
        tooltip=service.name,
        part=service,
        tiles=tuple(_tile(each, service) for each in service.versions),
        icons=(*(("door",) if service.is_closed else ()), service.mtls),
        band=short(f"waypoint {service.waypoint}" if service.waypoint != "waypoint" else "waypoint")
        if service.waypoint
        else "",
    )


def _outside(hosts: Sequence[Outside]) -> Card:
    said = [f"{each.host} {', '.join(each.ports)}".strip() for each in hosts]
    return Card(
        key=OUTSIDE,
        namespace="",
        lines=(
            _title("outside the mesh"),
            *_some([Line(text=short(each, 40), style="text") for each in said], OUTER_HOSTS),
        ),
        tooltip="\n".join(said),
        part=None,
    )


def _some(lines: Sequence[Line], most: int) -> list[Line]:
    """Return so many lines, and how many there are more."""
    more = len(lines) - most
    return [*lines[:most], *([Line(text=f"and {more} more")] if more > 0 else [])]


def _title(name: str) -> Line:
    return Line(text=short(name), style="title")


def _problems(problems: Iterable[str], most: int) -> Sequence[Line]:
    return [
        Line(text=text, style="problem") for problem in problems for text in wrapped(problem, most)
    ]


def _tile(version: Version, service: Service) -> Tile:
    most = round((WIDEST - 2 * PAD) / TEXT / 0.6)
    proxy = {"sidecar": "sidecar", "ztunnel": "ztunnel", "gateway": "", "none": ""}
    said = f"{proxy[version.proxy.kind]} {version.proxy.revision}".strip()
    to = [route for route in service.routes if route.version == version.name]
    is_reached = any(not route.is_mirror for route in to)
    if version.proxy.kind == "none" and not any("no sidecar" in p for p in version.problems):
        said = "no sidecar"
    rules = [
        Line(text=text, style="copy" if route.is_mirror else "rule")
        for route in to
        for rule in route.rules
        for text in wrapped(rule, most)
    ]
    texts = [Line(text=text) for text in wrapped(said, most)]
    return Tile(
        version=version,
        lines=(
            Line(text=short(version.name, most), style="title"),
            *texts,
            *_problems(version.problems, most),
            *([] if to else [Line(text="no requests")]),
        ),
        rules=tuple(rules),
        is_reached=bool(to),
        is_mirror_only=bool(to) and not is_reached,
    )
