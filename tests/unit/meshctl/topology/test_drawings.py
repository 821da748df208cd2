"""The drawings of a picture: complete, without overlaps, and safe against hostile names."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mesh.project import PROJECT
from meshctl.topology import mermaid, palette, png, reader, svg
from meshctl.topology.layout import Box, Layout, lay_out
from meshctl.topology.objects import Objects
from meshctl.topology.picture import (
    Call,
    ControlPlane,
    Gateway,
    Outside,
    Picture,
    Proxy,
    Route,
    Service,
    Version,
)
from tests.fakes.bookinfo import mesh, networking, security, subsets, version, without

HOSTILE = '<script>alert(1)</script>"]\n%%{init: {}}%% `x` \\ ]] --> end & \u202etxt\x00'
SIDECAR = Proxy(kind="sidecar")


def picture(*more: dict, without_names: tuple[str, ...] = ("nothing",)) -> Picture:
    """Return the picture of Bookinfo, and more."""
    return reader.read(Objects(every=(*without(mesh(), *without_names), *more), is_live=True))


def planned() -> Picture:
    """Return Bookinfo with a plan, copies and a fault, of which much is broken."""
    to = [{"destination": {"host": "reviews", "subset": each}} for each in ("v1", "v3")]
    rules = [
        {
            "match": [{"headers": {"end-user": {"exact": "jason"}}}],
            "route": to[:1],
            "fault": {"delay": {"fixedDelay": "7s"}},
        },
        {"route": to[:1], "mirror": to[1]["destination"]},
    ]
    return picture(
        subsets("reviews", "v1", "v3"),
        networking("VirtualService", "reviews", hosts=["reviews"], http=rules),
        security("PeerAuthentication", "default", "istio-system", mtls={"mode": "STRICT"}),
        security("AuthorizationPolicy", "none", selector={"matchLabels": {"app": "ratings"}}),
        *version("details", proxy=""),
        without_names=("details-",),
    )


def hostile() -> Picture:
    """Return a picture whose every text is hostile."""
    version = Version(name=HOSTILE, proxy=SIDECAR, problems=(HOSTILE,))
    return Picture(
        namespace=HOSTILE,
        gateways=(Gateway(name=HOSTILE, namespace=HOSTILE, hosts=(HOSTILE,) * 5),),
        services=(
            Service(
                name=HOSTILE,
                mtls="strict",
                versions=(version,),
                routes=(Route(version=HOSTILE, rules=(HOSTILE,)),),
                waypoint=HOSTILE,
                problems=(HOSTILE,),
            ),
        ),
        calls=(Call(caller=f"{HOSTILE}/{HOSTILE}", service=HOSTILE, refusal=HOSTILE),),
        control_planes=(
            ControlPlane(name=HOSTILE, namespace=HOSTILE, version=HOSTILE, revision=HOSTILE),
        ),
    )


def wide() -> Picture:
    """Return a picture with two gateways, of which one leads past rows of services."""
    versions = tuple(Version(name=f"v{i}", proxy=SIDECAR) for i in range(7))
    names = ("a", "b", "c", "d")
    return Picture(
        namespace="shop",
        gateways=(
            Gateway(name="one", namespace="edge", hosts=("a.example.com",)),
            Gateway(name="other", namespace="", is_elsewhere=True),
        ),
        services=tuple(
            Service(name=name, mtls="permissive", versions=versions[: 7 - 2 * i], routes=())
            for i, name in enumerate(names)
        ),
        calls=(
            Call(caller="edge/one", service="a"),
            Call(caller="edge/one", service="d", refusal="no policy allows it"),
            Call(caller="other", service="a"),
            Call(caller="a", version="v0", service="b"),
            Call(caller="a", version="v6", service="c"),
            Call(caller="c", version="v1", service="d"),
        ),
    )


PICTURES = {
    "bookinfo": picture(),
    "planned": planned(),
    "hostile": hostile(),
    "wide": wide(),
    "outside": replace(
        planned(),
        calls=(*planned().calls, Call(caller="istio-system/ingress", service="")),
        outside=tuple(
            Outside(host=f"{name}.example.com", ports=("TLS 443",))
            for name in ("bank", "a-host-with-a-very-long-name-for-a-picture", *"abcdef")
        ),
    ),
    "long namespaces": Picture(
        namespace="",
        gateways=tuple(
            Gateway(name="g", namespace=f"a-namespace-with-a-long-name-{i}") for i in range(3)
        ),
    ),
    "platform": Picture(namespace="", gateways=(Gateway(name="g", namespace="istio-system"),)),
}


def texts(drawn: str) -> list[str]:
    """Return the texts of an SVG, tooltips included."""
    return [found.text or "" for found in ElementTree.fromstring(drawn).iter() if found.text]  # noqa: S314


def segments(layout: Layout) -> Iterator[Box]:
    """List the straight pieces of all arrows, without the point where each begins and ends."""
    for arrow in layout.arrows:
        for (x0, y0), (x1, y1) in itertools.pairwise(arrow.points):
            yield Box(x=min(x0, x1), y=min(y0, y1) + 1, width=abs(x1 - x0), height=abs(y1 - y0) - 2)


def overlap(one: Box, other: Box, *, space: float = 0) -> bool:
    """Return whether two boxes are on each other, or nearer than a space."""
    return (
        one.x < other.right + space
        and other.x < one.right + space
        and one.y < other.bottom
        and other.y < one.bottom
    )


@pytest.mark.parametrize("name", PICTURES)
def test_no_card_is_on_another_and_no_arrow_goes_through_one(name: str) -> None:
    """Nor does anything leave the picture."""
    layout = lay_out(PICTURES[name])

    boxes = [place.box for place in layout.places]
    for several in (boxes, [frame.box for frame in layout.frames]):
        assert not [pair for pair in itertools.combinations(several, 2) if overlap(*pair)]
    for piece in segments(layout):
        assert not [box for box in boxes if overlap(piece, box, space=1)]
    for box in [*boxes, *(frame.box for frame in layout.frames), *segments(layout)]:
        assert box.x >= 0
        assert box.y >= 0
        assert box.right <= layout.width
        assert box.bottom <= layout.height


def test_the_picture_says_what_is_sent_refused_and_wrong() -> None:
    """In words, for those too who don't know the signs."""
    said = " ".join(texts(svg.draw(planned())))

    for words in (
        "end-user=jason: delay 7s",
        "copy of all",
        "no sidecar",
        "no policy allows it",
        "mutual TLS only",
        "closed to all others",
        "bookinfo",
        "books.example.com",
    ):
        assert words in said


def test_an_svg_needs_nothing_else() -> None:
    """No script, no style sheet, no font and no image from elsewhere; and it follows dark mode."""
    drawn = svg.draw(planned())

    assert re.findall(r"https?://[^\"]*", drawn) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in drawn
    assert "<script" not in drawn
    assert "prefers-color-scheme: dark" in drawn
    assert "prefers-color-scheme" not in svg.draw(planned(), scheme="light")


@pytest.mark.parametrize("name", ["bookinfo", "topology"])
def test_the_docs_show_todays_looks(name: str) -> None:
    """Draw them anew when colours change: docs/topology.md has the command."""
    assert palette.css(None) in (PROJECT / "docs" / f"{name}.svg").read_text()


def test_hostile_names_stay_texts_in_an_svg() -> None:
    """They add no element, and what XML refuses is replaced."""
    drawn = svg.draw(hostile())

    elements = {found.tag.rpartition("}")[2] for found in ElementTree.fromstring(drawn).iter()}  # noqa: S314
    assert elements <= {"svg", "title", "style", "rect", "g", "path", "text", "polygon"}
    assert "<script>alert(1)</script>" in "".join(texts(drawn))
    assert not set(drawn) & {"\0", "\u202e"}


def test_hostile_names_stay_labels_in_mermaid() -> None:
    """Each label ends where the program ends it; there is no HTML but line breaks, no directive."""
    drawn = mermaid.draw(hostile())

    for line in drawn.splitlines():
        assert line.count('"') in (0, 2)
        outside = re.sub('"[^"]*"', "", line)
        assert "script" not in outside
    assert not set(re.findall("<[^>]*>", drawn)) - {"<br/>"}
    assert "%%" not in drawn
    assert "`" not in drawn


def test_a_long_name_is_cut_but_told_in_the_tooltip() -> None:
    """The picture stays as wide as a page."""
    name = "a-service-with-the-longest-name-that-kubernetes-takes-for-a-service"
    versions = (Version(name=name, proxy=SIDECAR),)
    one = Service(name=name, mtls="strict", versions=versions, routes=())

    drawn = svg.draw(Picture(namespace="shop", services=(one,)))

    assert "a-service-with-the-longes…" in texts(drawn)
    assert name in texts(drawn)
    assert float(ElementTree.fromstring(drawn).get("width", "")) < 400  # noqa: S314


def test_mermaid_of_bookinfo() -> None:
    """Each name is a label of a numbered node."""
    assert (
        mermaid.draw(PICTURES["bookinfo"]) == Path(__file__).with_name("bookinfo.mmd").read_text()
    )


def test_before_and_after_mark_what_differs() -> None:
    """Only the arrows to reviews and its versions; the same twice has no mark."""
    rules = [{"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}]
    route = networking("VirtualService", "reviews", hosts=["reviews"], http=rules)
    after = picture(subsets("reviews", "v1"), route)
    before = PICTURES["bookinfo"]

    drawn = mermaid.draw(before, after)
    (marks,) = re.findall(r"linkStyle (\S+) stroke:#bf8700", drawn)
    links = [line for line in drawn.splitlines() if "-->" in line or "~~~" in line]
    changed = [links[int(number)].split()[-1] for number in marks.split(",")]
    assert changed == ["m0c5v1", "m0c5v2"]
    assert "m1c5v1[" in drawn
    assert "linkStyle" not in mermaid.draw(before, before)
    assert "changes" in texts(svg.draw(before, after))
    assert "changes" not in texts(svg.draw(before, before))


def test_what_there_wasnt_before_is_drawn_alone() -> None:
    """A first preview has nothing on its other side."""
    drawn = mermaid.draw(Picture(namespace=""), PICTURES["bookinfo"])

    assert '"after"' in drawn
    assert '"before"' not in drawn


def test_a_png_is_twice_as_wide() -> None:
    """So that it is sharp on a phone."""
    drawn = png.draw(svg.draw(PICTURES["bookinfo"], scheme="light"), svg.FONT)

    assert drawn[:4] == b"\x89PNG"
    width = int.from_bytes(drawn[16:20])
    (wide,) = re.findall(
        r' width="([\d.]+)" height="[\d.]+" viewBox', svg.draw(PICTURES["bookinfo"])
    )
    assert abs(width - 2 * float(wide)) <= 2


def test_a_png_without_a_font_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its texts would be missing."""
    monkeypatch.setattr(png.resvg_py, "svg_to_bytes", lambda **_: b"same")

    with pytest.raises(png.FontError, match=r"no font .* make topology OUT=mesh\.svg"):
        png.draw("<svg/>", svg.FONT)
