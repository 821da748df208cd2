"""The picture as Mermaid's flowchart, which GitHub and GitLab draw in READMEs and comments."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from meshctl.topology import changes
from meshctl.topology.cards import Card, Tile, cards, visible
from meshctl.topology.changes import Key, Side
from meshctl.topology.layout import ends
from meshctl.topology.picture import Call, Gateway, Picture

SIGNS = {"strict": "🔒", "permissive": "🔓", "disable": "no mTLS", "none": "", "door": "🚪"}
LEGEND = (
    "🔒 mutual TLS only, 🔓 mutual TLS and plain text too, 🚪 closed to all others; "
    "dotted: copies of requests; yellow: changes; red: problems"
)
"""What the signs mean, in words: a flowchart has no place for them."""
STYLES = {
    "wrong": "stroke:#cf222e,stroke-width:2px,color:#cf222e",
    "changed": "stroke:#bf8700,stroke-width:3px",
    "elsewhere": "stroke-dasharray:5 4",
}
"""The looks of nodes: without fills, so that they suit light and dark."""
LINKS = {
    "refused": "stroke:#cf222e,stroke-width:2px",
    "changed": "stroke:#bf8700,stroke-width:3px",
}
ENTITIES = {
    "#": "#35;",
    "&": "#amp;",
    "<": "#lt;",
    ">": "#gt;",
    '"': "#quot;",
    "`": "#96;",
    "\\": "#92;",
}
"""Characters that would end a label or be read as HTML or Markdown."""


@dataclass(frozen=True, kw_only=True)
class _Link:
    """A line with an arrow, and its look."""

    text: str
    look: str = ""


def draw(picture: Picture, after: Picture | None = None) -> str:
    """Return a picture as a flowchart, or two side by side with what differs marked in both."""
    return _flowchart(changes.sides(picture, after))


def label(*lines: str) -> str:
    """Return lines of text as a label that they can't break out of."""
    return f'"{"<br/>".join(map(_escaped, filter(None, lines)))}"'


def _escaped(text: str) -> str:
    # Two percent signs begin a directive.
    return "".join(ENTITIES.get(char, char) for char in visible(text)).replace("%%", "#37;#37;")


def _flowchart(sides: Sequence[Side]) -> str:
    # From left to right: before and after. Each of them is from top to bottom.
    lines = [f"flowchart {'LR' if len(sides) > 1 else 'TB'}"]
    links: list[_Link] = []
    for i, (caption, picture, marked) in enumerate(sides):
        inner = [*_nodes(picture, marked, f"m{i}")]
        links += _links(picture, marked, f"m{i}")
        if caption:
            frame = f"subgraph m{i}[{label(caption)}]"
            inner = [frame, *_indented(["direction TB", *inner]), "end"]
        lines += _indented(inner)
    if len(sides) > 1:
        links.append(_Link(text="m0 ~~~ m1"))
    lines += _indented(link.text for link in links)
    lines += _indented(f"classDef {name} {look}" for name, look in STYLES.items())
    for name, look in LINKS.items():
        if numbers := [str(i) for i, link in enumerate(links) if link.look == name]:
            lines += _indented([f"linkStyle {','.join(numbers)} {look}"])
    return "\n".join(lines) + "\n"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _nodes(picture: Picture, marked: frozenset[Key], prefix: str) -> Iterator[str]:
    """List the nodes of a picture, in a frame for each namespace."""
    drawn = cards(picture)
    names = _names(picture, prefix)
    for i, namespace in enumerate(dict.fromkeys(card.namespace for card in drawn)):
        inner = [
            line
            for card in drawn
            if card.namespace == namespace
            for line in _node(card, marked, names)
        ]
        if namespace:
            frame = f"subgraph {prefix}n{i}[{label(f'namespace {namespace}')}]"
            yield from [frame, *_indented(inner), "end"]
        else:
            yield from inner


def _names(picture: Picture, prefix: str) -> dict[Key, str]:
    """Return a number for each card and each version: names may have any characters."""
    found: dict[Key, str] = {}
    for i, card in enumerate(cards(picture)):
        found[card.key] = f"{prefix}c{i}"
        for k, tile in enumerate(card.tiles):
            name = f"{prefix}c{i}v{k}" if card.has_arrows else found[card.key]
            found["version", card.key[1], tile.version.name] = name
    return found


def _node(card: Card, marked: frozenset[Key], names: dict[Key, str]) -> Iterator[str]:
    part = card.part
    looks = [
        *(["wrong"] if part and part.problems else []),
        *(["elsewhere"] if isinstance(part, Gateway) and part.is_elsewhere else []),
        *(["changed"] if card.key in marked else []),
    ]
    signs = " ".join(SIGNS[icon] for icon in card.icons if SIGNS[icon])
    title, *rest = (line.text for line in card.lines)
    if card.has_arrows:
        shown = label(card.band, f"{title} {signs}".strip(), *rest)
        yield f"{names[card.key]}([{shown}]){_class(looks)}"
        for tile in card.tiles:
            key = ("version", card.key[1], tile.version.name)
            shown = label(*(line.text for line in tile.lines))
            yield f"{names[key]}[{shown}]{_class(_looks(tile, key, marked))}"
        return
    texts = [line.text for tile in card.tiles for line in tile.lines]
    for tile in card.tiles:
        looks += _looks(tile, ("version", card.key[1], tile.version.name), marked)
    shown = label(card.band, f"{title} {signs}".strip(), *rest, *texts)
    yield f"{names[card.key]}[{shown}]{_class(looks)}"


def _looks(tile: Tile, key: Key, marked: frozenset[Key]) -> list[str]:
    return [
        *(["wrong"] if tile.version.problems else []),
        *(["changed"] if key in marked else []),
    ]


def _class(looks: Sequence[str]) -> str:
    """Return a node's class; what changes matters more than what is wrong."""
    return f":::{looks[-1]}" if looks else ""


def _links(picture: Picture, marked: frozenset[Key], prefix: str) -> Iterator[_Link]:
    names = _names(picture, prefix)
    for card in cards(picture):
        for tile in card.tiles if card.has_arrows else ():
            version = tile.version.name
            if not tile.is_reached:
                # Not drawn, but it holds the version beside the others.
                to = names["version", card.key[1], version]
                yield _Link(text=f"{names[card.key]} ~~~ {to}")
                continue
            text = label(*(line.text for line in tile.rules))
            arrow = "-.->" if tile.is_mirror_only else "-->"
            said = f"|{text}|" if tile.rules else ""
            to = names["version", card.key[1], version]
            look = "changed" if ("routes", card.key[1], version) in marked else ""
            yield _Link(text=f"{names[card.key]} {arrow}{said} {to}", look=look)
    # Last: the order of links decides which version is left.
    for call in picture.calls:
        yield _call(call, names, marked)


def _call(call: Call, names: dict[Key, str], marked: frozenset[Key]) -> _Link:
    caller, called = ends(call)
    start = names[("version", call.caller, call.version)] if call.version else names[caller]
    if call.refusal:
        shown = label(f"{SIGNS['door']} {call.refusal}")
        return _Link(text=f"{start} --x|{shown}| {names[called]}", look="refused")
    is_marked = ("call", call.caller, call.version, call.service) in marked
    return _Link(text=f"{start} --> {names[called]}", look="changed" if is_marked else "")
