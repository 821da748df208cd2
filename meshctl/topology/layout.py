"""The layout of a picture: rows of cards, each below those that call it, and the arrows between."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from itertools import pairwise

from meshctl.topology.cards import BOLD, ICON, LINE, PAD, TEXT, Card, cards, width, wrapped
from meshctl.topology.changes import OUTSIDE, Key
from meshctl.topology.picture import Call, Picture

MARGIN = 12
BESIDE = 24
"""Space between two cards of a row."""
BELOW = 44
"""Space between two rows."""
TURN = 20
"""Space from the turn of an arrow to the card that it leads to."""
FRAME = 14
"""Space between a namespace's frame and its cards."""
TITLE = 20
"""Height of a frame's title."""
LANE = 14
"""Space between two arrows side by side."""
EXIT = 8
"""Space from a row to the turn of an arrow that leads past the next row."""
REFUSAL = 30
"""Characters in a line that says why calls are refused."""

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle, by its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """The x of its centre."""
        return self.x + self.width / 2

    @property
    def right(self) -> float:
        """The x of its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of its lower side."""
        return self.y + self.height


@dataclass(frozen=True, kw_only=True)
class Place:
    """A card in its place, with why calls to it are refused."""

    card: Card
    box: Box
    row: int
    refusals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """The way of a call through corners; it ends downwards at the top of a card."""

    call: Call
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The frame around the cards of a namespace."""

    title: str
    box: Box
    is_title_right: bool
    """Whether the title is on the right, because an arrow crosses the left."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The places of everything in a picture."""

    places: tuple[Place, ...]
    arrows: tuple[Arrow, ...]
    frames: tuple[Frame, ...]
    width: float
    height: float


def lay_out(picture: Picture) -> Layout:
    """Place the cards of a picture, and lead its arrows around them."""
    places = _placed(picture)
    arrows = list(_arrows(picture.calls, places))
    frames = _frames(list(places.values()), arrows)
    boxes = [place.box for place in places.values()] + [frame.box for frame in frames]
    corners = [point for arrow in arrows for point in arrow.points]
    left = min([box.x for box in boxes] + [x for x, _ in corners], default=0) - MARGIN
    top = min((box.y for box in boxes), default=0) - MARGIN

    def moved(box: Box) -> Box:
        return replace(box, x=box.x - left, y=box.y - top)

    return Layout(
        places=tuple(replace(place, box=moved(place.box)) for place in places.values()),
        arrows=tuple(
            replace(arrow, points=tuple((x - left, y - top) for x, y in arrow.points))
            for arrow in arrows
        ),
        frames=tuple(replace(frame, box=moved(frame.box)) for frame in frames),
        width=max([box.right for box in boxes] + [x for x, _ in corners], default=0)
        - left
        + MARGIN,
        height=max((box.bottom for box in boxes), default=0) - top + MARGIN,
    )


def ends(call: Call) -> tuple[Key, Key]:
    """Return the keys of the cards at both ends of a call."""
    called = ("service", call.service) if call.service else OUTSIDE
    return ("service" if call.version else "gateway", call.caller), called


def _rows(picture: Picture) -> list[list[Card]]:
    """Return gateways and control planes, the services below their callers, what is outside."""
    found = {card.key: card for card in cards(picture)}
    last = [card for card in found.values() if card.key == OUTSIDE]
    services = [card for card in found.values() if card.key[0] == "service"]
    top = [card for card in found.values() if card not in (*services, *last)]
    homes = list(dict.fromkeys(card.namespace for card in top))
    rows = [sorted(top, key=lambda card: homes.index(card.namespace))]
    order = TopologicalSorter({card.key: [] for card in services})
    for call in picture.calls:
        caller, called = ends(call)
        if call.version:
            order.add(called, caller)
    order.prepare()
    while ready := order.get_ready():
        rows.append([found[key] for key in ready])
        order.done(*ready)
    return [row for row in (*rows, last) if row]


def _placed(picture: Picture) -> dict[Key, Place]:
    """Place the rows from the top, each card as close as possible below its callers."""
    places: dict[Key, Place] = {}
    for number, row in enumerate(_rows(picture)):
        above = [place for place in places.values() if place.row == number - 1]
        refusals = {card.key: _refusals(card.key, picture.calls) for card in row}
        y = 0.0
        if above:
            lines = max(len(each) for each in refusals.values())
            y = max(place.box.bottom for place in above) + LINE * lines
            y += _space(row, above, picture.calls)
        for card, middle in _across(row, refusals, picture.calls, places, above):
            box = Box(x=middle - card.width / 2, y=y, width=card.width, height=card.height)
            said = refusals[card.key]
            places[card.key] = Place(card=card, box=box, row=number, refusals=said)
    return places


def _space(row: Sequence[Card], above: Sequence[Place], calls: Sequence[Call]) -> float:
    """Return the space above a row: each caller's arrows turn at a height of their own."""
    keys = {card.key for card in row}
    callers = {caller for caller, called in map(ends, calls) if called in keys}
    # The first row's frames end here.
    crossed = FRAME + TITLE if above[0].row == 0 else 0
    return BELOW + LANE * max(len(callers) - 1, 0) + crossed


def _across(
    row: Sequence[Card],
    refusals: Mapping[Key, Sequence[str]],
    calls: Sequence[Call],
    places: Mapping[Key, Place],
    above: Sequence[Place],
) -> list[tuple[Card, float]]:
    """Return a row's cards from left to right, each with the x of its centre."""
    wanted = {card.key: _below_callers(card.key, calls, places) for card in row}
    order = sorted(row, key=lambda card: wanted[card.key] or 0)
    slots = [
        max(card.width, _wide(refusals[card.key]), _share_of_title(card, row)) for card in order
    ]
    centres = [0.0]
    for cards_, widths in zip(pairwise(order), pairwise(slots), strict=True):
        homes = {card.namespace for card in cards_}
        apart = BESIDE if len(homes) == 1 else BESIDE + 2 * FRAME
        centres.append(centres[-1] + sum(widths) / 2 + apart)
    pulls = [
        x - centre
        for card, centre in zip(order, centres, strict=True)
        if (x := wanted[card.key]) is not None
    ]
    if not pulls and above:
        pulls = [_mean([place.box.middle for place in above]) - _mean(centres)]
    shift = _mean(pulls) if pulls else 0
    return [(card, centre + shift) for card, centre in zip(order, centres, strict=True)]


def _below_callers(key: Key, calls: Sequence[Call], places: Mapping[Key, Place]) -> float | None:
    """Return the x in the middle of a card's callers; None if nobody calls it."""
    starts = [
        _start(call, places[caller])[0]
        for call in calls
        for caller, called in [ends(call)]
        if called == key
    ]
    return _mean(starts) if starts else None


def _start(call: Call, caller: Place) -> Point:
    """Return where a call leaves its caller: below the version that makes it."""
    box, tiles = caller.box, caller.card.tiles
    versions = [tile.version.name for tile in tiles]
    place = (versions.index(call.version) + 0.5) / len(tiles) if call.version in versions else 0.5
    return box.x + box.width * place, box.bottom


def _arrows(calls: Sequence[Call], places: Mapping[Key, Place]) -> Iterator[Arrow]:
    """Lead each call to the next row directly, and past other rows on the right of all cards."""
    lane = max((place.box.right for place in places.values()), default=0) + FRAME
    floors = {
        place.row: max(other.box.bottom for other in places.values() if other.row == place.row)
        for place in places.values()
    }
    passing = 0
    # Those that leave the services' frame are on the right of the others.
    for call in sorted(calls, key=lambda each: not each.service):
        caller, called = (places[key] for key in ends(call))
        start, tip = _start(call, caller), (called.box.middle, called.box.y)
        callers = dict.fromkeys(
            ends(each)[0] for each in calls if places[ends(each)[1]].row == called.row
        )
        level = list(callers).index(ends(call)[0])
        lines = max(len(each.refusals) for each in places.values() if each.row == called.row)
        turn = tip[1] - TURN - LINE * lines - LANE * level
        way = [start, (start[0], turn), (tip[0], turn), tip]
        if called.row > caller.row + 1:
            exit_ = floors[caller.row] + EXIT
            x = lane + LANE * passing + (0 if call.service else FRAME)
            passing += 1
            way[1:2] = [(start[0], exit_), (x, exit_), (x, turn)]
        yield Arrow(call=call, points=tuple(way))


def _frames(places: Sequence[Place], arrows: Sequence[Arrow]) -> list[Frame]:
    """Return a frame for each namespace in the first row, and one for that of the services."""
    inside: dict[tuple[bool, str], list[Place]] = {}
    for place in places:
        if place.card.namespace:
            inside.setdefault((place.row == 0, place.card.namespace), []).append(place)
    inner = [arrow for arrow in arrows if arrow.call.service]
    return [
        _frame(namespace, found, () if is_first else inner)
        for (is_first, namespace), found in inside.items()
    ]


def _frame(namespace: str, places: Sequence[Place], arrows: Sequence[Arrow]) -> Frame:
    """Return the frame around cards and the arrows to them, as far as those aren't straight."""
    first = min(place.box.y for place in places)
    turns = [
        arrow.points[-2][1]
        for arrow in arrows
        if arrow.call.refusal or arrow.points[-3][0] != arrow.points[-2][0]
    ]
    left = min(place.box.x for place in places) - FRAME
    top = min([first - FRAME, *(y - EXIT for y in turns)]) - TITLE
    passed = [x for arrow in arrows for x, _ in arrow.points[1:]]
    right = max([place.box.right for place in places] + passed) + FRAME
    bottom = max(place.box.bottom for place in places) + FRAME
    wide = _title_width(namespace)
    narrow = max(wide - (right - left), 0)
    left, right = left - narrow / 2, right + narrow / 2
    return Frame(
        title=f"namespace {namespace}",
        box=Box(x=left, y=top, width=right - left, height=bottom - top),
        is_title_right=any(
            left <= x <= left + wide
            for arrow in arrows
            for x, y in arrow.points[1:2]
            if arrow.points[0][1] < top < y
        ),
    )


def _title_width(namespace: str) -> float:
    return width(f"namespace {namespace}", TEXT) + 2 * PAD


def _share_of_title(card: Card, row: Sequence[Card]) -> float:
    """Return the width that a card must have for its frame to be as wide as its title."""
    cards_ = sum(each.namespace == card.namespace for each in row)
    return (_title_width(card.namespace) - 2 * FRAME) / cards_ if card.namespace else 0


def _refusals(key: Key, calls: Sequence[Call]) -> tuple[str, ...]:
    """Return the lines that say why calls are refused, and whose if others are not."""
    to = [call for call in calls if ends(call)[1] == key]
    reasons = {call.refusal for call in to}
    if len(reasons) == 1:
        said = list(reasons)
    else:
        said = [f"{call.caller}: {call.refusal}" for call in to if call.refusal]
    return tuple(line for each in dict.fromkeys(said) for line in wrapped(each, REFUSAL))


def _wide(lines: Sequence[str]) -> float:
    """Return the width of lines with a sign before them."""
    return max((width(line, TEXT * BOLD) + 2 * ICON for line in lines), default=0)


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
