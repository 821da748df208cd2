"""The page of `make report`."""

import dataclasses
from datetime import UTC, datetime
from html.parser import HTMLParser

from meshctl.report import page
from meshctl.topology.picture import ControlPlane
from meshctl.update.record import Kept, Record
from meshctl.verify.snapshot import Finding

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*191 }}"
REPORT = page.Report(
    stack="dev",
    context="kwok-dev",
    made_at=datetime(2026, 11, 27, tzinfo=UTC),
    versions={"Kubernetes": "v1.36.3"},
    control_planes=[
        ControlPlane(name="istiod", namespace="istio-system", version="1.30.8", revision="default")
    ],
    topology="<svg></svg>",
    timeline="",
    findings=[Finding(check="webhook", subject="injector", status="ok", found="answers")],
    left_out="",
    routes=[],
    policies=[],
    changes=[],
)


class Tags(HTMLParser):
    """The tags of a page, and the addresses that it loads from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.found.append(tag)
        self.loaded += [name for name, _ in attrs if name in ("src", "href", "srcset", "onerror")]


def test_hostile_names_are_text() -> None:
    """Wherever a name comes from: the cluster, the stack, a finding, an update."""
    hostile = dataclasses.replace(
        REPORT,
        stack=HOSTILE,
        context=HOSTILE,
        versions={HOSTILE: HOSTILE},
        findings=[
            Finding(check=HOSTILE, subject=HOSTILE, status="wrong", found=HOSTILE, remedy=HOSTILE)
        ],
        left_out=HOSTILE,
        routes=[HOSTILE],
        policies=[HOSTILE],
        changes=[page.Change(title=HOSTILE, objects=(HOSTILE,), more=1)],
    )

    text = page.render(hostile)

    assert not {"script", "img", "link", "iframe"} & set(Tags(text).found)
    assert Tags(text).loaded == []
    assert "1337" not in text


def test_nothing_is_loaded_from_elsewhere() -> None:
    """The page says so itself, and browsers enforce it."""
    text = page.render(REPORT)

    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert Tags(text).loaded == []


def test_what_is_wrong_is_said_first() -> None:
    """With the number of warnings; a healthy mesh is called so."""
    wrong = Finding(check="c", subject="s", status="wrong", found="f", remedy="r")
    warning = dataclasses.replace(wrong, status="warning")

    assert "Nothing is wrong." in page.render(REPORT)
    text = page.render(dataclasses.replace(REPORT, findings=[wrong, warning]))
    unread = Finding(check="rights", subject="s", status="warning", found="f", remedy="r")
    partly = page.render(dataclasses.replace(REPORT, findings=[unread]))
    assert "Nothing that could be read is wrong." in partly
    assert "Nothing is wrong." not in partly
    assert "1 of 2 checks found something wrong." in text
    assert "1 warning." in text


def test_an_update_lists_the_objects_that_it_changed() -> None:
    """Not components and providers, nor what stayed as it was; at most fifteen."""
    urn = "urn:pulumi:dev::istio::mesh:Bookinfo$kubernetes:core/v1:Service::x"
    steps = [
        Kept(urn=urn, op="update", name=f"bookinfo/s{n}", begun=0, ended=1, failed=False)
        for n in range(page.SHOWN + 2)
    ]
    steps += [
        Kept(urn=urn, op="same", name="bookinfo/same", begun=0, ended=1, failed=False),
        Kept(urn=urn, op="keep", name="bookinfo/kept", begun=0, ended=1, failed=False),
        Kept(
            urn="urn:pulumi:dev::istio::mesh:Bookinfo::b",
            op="create",
            name="b",
            begun=0,
            ended=1,
            failed=False,
        ),
    ]
    kept = Record(
        stack="dev",
        command="up",
        kind="update",
        ended_at="2026-11-27T10:00:00.000+00:00",
        seconds=12.3,
        steps=steps,
    )

    change = page.change(kept)

    assert change.objects[0] == "Service bookinfo/s0 updated"
    assert (len(change.objects), change.more) == (page.SHOWN, 2)
    assert "after 12 s: 17 objects changed" in change.title


def test_an_operation_that_was_broken_off_is_not_called_done() -> None:
    """As after Ctrl-C; nobody knows how far it came."""
    urn = "urn:pulumi:dev::istio::mesh:Bookinfo$kubernetes:core/v1:Service::x"
    broken = Kept(urn=urn, op="create", name="bookinfo/x", begun=0, ended=None, failed=False)
    kept = Record(
        stack="dev",
        command="up",
        kind="failed",
        seconds=3.0,
        ended_at="2026-11-27T10:00:00.000+00:00",
        steps=[broken],
    )

    assert page.change(kept).objects == ("Service bookinfo/x may be half done",)
