"""What an update has told is known as soon as it is told, and without what is secret."""

import json
import time
from pathlib import Path

import pytest

from meshctl.update.events import Update, followed

from .streams import CRD, DETAILS, DONE, FAILED, ISTIOD, STACK, STARTED, ended, said, step, update

HIDDEN = "correct horse battery staple"


def test_an_operation_has_its_object_and_its_times() -> None:
    """The object's own name, not that of the resource in the program."""
    inputs = {"metadata": {"name": "details-v1", "namespace": "bookinfo"}}

    found = update([step(STARTED, DETAILS, state={"inputs": inputs}), step(DONE, DETAILS)])

    (only,) = found.steps
    assert (str(only), only.begun, only.ended) == ("Deployment bookinfo/details-v1", 0, 1)
    assert found.running == []
    assert found.changed == [only]


def test_what_runs_and_what_failed_is_known() -> None:
    """With the words of the Kubernetes plugin about a wait."""
    waits = said("info", "0/1 Pods available", ISTIOD, ephemeral=True)

    found = update([step(STARTED, CRD), step(STARTED, ISTIOD), waits, step(FAILED, CRD)])

    assert [(each.kind, each.says) for each in found.running] == [
        ("Deployment", "0/1 Pods available")
    ]
    assert [each.kind for each in found.failed] == ["CustomResourceDefinition"]


def test_a_crd_that_outlives_the_destroy_isnt_called_deleted() -> None:
    """Pulumi's own word for it is `delete`."""
    found = update(
        [
            step(STARTED, CRD, "delete", state={"retainOnDelete": True}),
            step(STARTED, ISTIOD, "delete"),
            step(DONE, CRD, "delete"),
            step(DONE, ISTIOD, "delete"),
        ]
    )

    assert [each.op for each in found.steps] == ["keep", "delete"]
    assert [each.kind for each in found.changed] == ["Deployment"]


def test_nothing_of_an_objects_content_is_kept() -> None:
    """Events carry whole objects, and debug messages the values of properties."""
    inputs = {"metadata": {"name": "root", "annotations": {"a": HIDDEN}}, "data": {"k": HIDDEN}}
    found = update(
        [
            step(STARTED, ISTIOD, state={"inputs": inputs, "outputs": inputs}),
            said("debug", f"props={HIDDEN}", ISTIOD, ephemeral=True),
            said("debug", f"props={HIDDEN}"),
        ]
    )

    assert found.steps[0].name == "root"
    assert HIDDEN not in repr(found)


def test_metadata_that_is_secret_hides_only_the_name() -> None:
    """The resource's name in the program is shown in its place."""
    found = update([step(STARTED, DETAILS, state={"inputs": {"metadata": "[secret]"}})])

    assert found.steps[0].name == "bookinfo-details-v1"


def test_messages_are_told_once() -> None:
    """An update says again what its preview said; waits of single objects are no messages."""
    warning = said("warning", "istiod was scaled to 0")
    found = update([warning, warning, said("info", "waiting", ISTIOD, ephemeral=True)])

    assert [(each.severity, each.text) for each in found.messages] == [
        ("warning", "istiod was scaled to 0")
    ]


def test_a_policys_violation_is_a_message() -> None:
    """A mandatory one is an error, with the rule's name."""
    event = {"policyName": "images", "enforcementLevel": "mandatory", "message": "no tag\n"}

    (message,) = update([json.dumps({"policyEvent": event})]).messages

    assert (message.severity, message.text) == ("error", "[mandatory]  images: no tag")


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"resourcePreEvent": {}}', '{"x": 1}'])
def test_an_event_of_another_form_is_no_matter(line: str) -> None:
    """Another Pulumi may write others."""
    assert update([line]).steps == []


def test_the_first_update_is_a_creation() -> None:
    """Its time says nothing about later ones."""
    assert update([step(STARTED, STACK)]).is_first
    assert not update([step(STARTED, STACK, "same")]).is_first


def await_one(looks: list[int]) -> None:
    """Wait until the reader has seen one thing."""
    deadline = time.monotonic() + 30
    while 1 not in looks:
        assert time.monotonic() < deadline, "nothing was read in time"
        time.sleep(0.01)


def test_events_are_followed_as_they_are_written(tmp_path: Path) -> None:
    """Half a line, even half a letter, waits for its other half; the last line is read too."""
    file, found, looks = tmp_path / "events.json", Update(), []
    file.touch()
    warning = json.dumps({"diagnosticEvent": {"message": "é"}}, ensure_ascii=False).encode()
    half = warning.index("é".encode()) + 1
    with followed(file, found, lambda: looks.append(len(found.steps))), file.open("wb") as written:
        written.write(step(STARTED, CRD).encode() + b"\n" + warning[:half])
        written.flush()
        await_one(looks)
        rest = [warning[half:].decode("latin-1"), step(DONE, CRD), ended(create=1), ""]
        written.write("\n".join(rest).encode("latin-1"))

    assert [each.text for each in found.messages] == ["é"]
    assert found.steps[0].ended is not None
    assert found.changes == {"create": 1}


def test_an_update_writes_the_events_file_of_its_preview_anew(tmp_path: Path) -> None:
    """They are shorter at first: nothing of them is missed."""
    file, found, looks = tmp_path / "events.json", Update(), []
    preview = [step(kind, CRD, is_planned=True) for kind in (STARTED, DONE)]
    file.write_text("\n".join([*preview, said("info", "rules are met"), ""]))
    with followed(file, found, lambda: looks.append(len(found.messages))):
        await_one(looks)
        file.write_text(step(STARTED, ISTIOD) + "\n")

    assert [each.urn for each in found.steps] == [ISTIOD]


def test_a_preview_changes_nothing() -> None:
    """Its operations are none of the update's, which goes on being previewed until its own."""
    found = Update(is_preview=True)
    for kind in (STARTED, DONE):
        found.add(step(kind, CRD, is_planned=True), 1)

    assert (found.steps, found.is_preview) == ([], True)
    found.add(step(STARTED, CRD), 2)
    assert ([each.begun for each in found.steps], found.is_preview) == ([2], False)
