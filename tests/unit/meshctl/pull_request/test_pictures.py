"""The pictures in a comment: the mesh before and after, if the preview tells all of it."""

import json

import pytest

from mesh import redaction
from meshctl.pull_request import changes, comment
from tests.fakes import bookinfo
from tests.fakes.bookinfo import Object, networking

PLAN = [{"route": [{"destination": {"host": "reviews", "subset": "v1"}}]}]
ROUTE = networking("VirtualService", "reviews", hosts=["reviews"], http=PLAN)


def step(op: str, old: Object | None, new: Object | None) -> Object:
    """Return a step of the engine."""
    found = new or old or {}
    urn = f"urn:pulumi:prod::mesh::kubernetes:x/v1:{found['kind']}::{found['metadata']['name']}"
    sides = {"oldState": old, "newState": new}
    states = {key: {"custom": True, "inputs": side} for key, side in sides.items() if side}
    return {"op": op, "urn": urn, **states}


def preview(*steps: Object, same: int | None = None) -> str:
    """Return a preview of Bookinfo, which doesn't change, and of more steps."""
    there = [each for each in bookinfo.mesh() if each["kind"] != "Pod"]
    there.append(bookinfo.subsets("reviews", "v1", "v2", "v3"))
    changed = {each["urn"] for each in steps}
    sames = [step("same", each, each) for each in there]
    sames = [each for each in sames if each["urn"] not in changed]
    count = len(sames) if same is None else same
    return json.dumps({"config": {}, "steps": [*sames, *steps], "changeSummary": {"same": count}})


def written(text: str) -> str:
    """Return the comment on a preview."""
    return comment.comment([changes.read(text, "prod")])


def test_a_changed_route_is_drawn_before_and_after() -> None:
    """As Mermaid, in a block of its own."""
    text = written(preview(step("create", None, ROUTE)))

    block = text.partition("```mermaid\n")[2].partition("\n```")[0]
    assert block.startswith("flowchart LR")
    assert 'subgraph m0["before"]' in block
    assert 'subgraph m1["after"]' in block
    assert block.count("no requests") == 2


def test_what_no_arrow_shows_is_not_drawn() -> None:
    """A ConfigMap has no place in the picture."""
    made = step("create", None, bookinfo.obj("ConfigMap", "extra", data={"a": "b"}))

    assert "mermaid" not in written(preview(made))


def test_a_preview_without_what_stays_has_no_picture() -> None:
    """Pulumi's digest has only changes: a picture of those would be wrong."""
    found = changes.read(preview(step("create", None, ROUTE), same=500), "prod")

    assert found.pictures is None


def test_what_is_deleted_is_only_before() -> None:
    """And what is replaced is on both sides."""
    gone = [each for each in bookinfo.version("ratings") if each["kind"] == "Deployment"]
    text = preview(step("delete", gone[0], None), step("replace", ROUTE, ROUTE))
    pictures = changes.read(text, "prod").pictures

    assert pictures is not None
    before, after = ({each.name: each for each in side.services} for side in pictures)
    assert before["ratings"].versions
    assert after["ratings"].problems == ("no Deployment",)
    assert before["reviews"].routes == after["reviews"].routes


def test_unknown_and_secret_values_stop_no_picture() -> None:
    """What only the update will know is left out; a secret shows nowhere."""
    secret = {redaction.SENTINEL: "of a secret", "ciphertext": "v1:abc"}
    rules = [{"match": [{"headers": {"team": {"exact": secret}}}], **PLAN[0]}]
    odd = networking("VirtualService", "reviews", hosts=["reviews"], http=rules)
    nameless = step("create", None, bookinfo.service("extra"))
    nameless["newState"]["inputs"] = {
        **bookinfo.service("extra"),
        "metadata": {"name": redaction.UNKNOWN},
    }
    text = written(
        preview(
            step("create", None, odd),
            nameless,
            step("create", None, {**bookinfo.service("other"), "spec": redaction.UNKNOWN}),
        )
    )

    assert "team=[secret]" in text
    assert "v1:abc" not in text


def test_the_picture_is_the_first_to_go_when_the_comment_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What changes is more important than what it looks like."""
    text = preview(step("create", None, ROUTE))
    monkeypatch.setattr(comment, "LIMIT", 1500)

    short = written(text)

    assert "mermaid" not in short
    assert "VirtualService bookinfo/reviews" in short
