"""The record of an update has its times and nothing that is secret."""

import stat
from pathlib import Path

import msgspec
import pytest

from meshctl.update import record

from .streams import CRD, DETAILS, DONE, STACK, STARTED, said, step, update

HIDDEN = "correct horse battery staple"
INPUTS = {"metadata": {"name": "root"}, "stringData": {"password": HIDDEN}}
EVENTS = [
    step(STARTED, STACK, "same"),
    step(STARTED, CRD, state={"inputs": INPUTS}),
    said("info", HIDDEN, CRD, ephemeral=True),
    step(DONE, CRD, state={"outputs": INPUTS}),
]


def test_a_record_holds_no_content_of_objects(tmp_path: Path) -> None:
    """Only the user can read it, also if it was there before."""
    file = tmp_path / "updates" / "update.json"
    file.parent.mkdir()
    file.touch(mode=0o644)
    kept = record.of(update(EVENTS), "dev", "up", succeeded=True, waits_for={CRD: [STACK]})

    record.write(file.parent, kept)

    assert HIDDEN not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert record.newest(file.parent) == msgspec.structs.replace(kept, number=1)
    assert [(each.name, each.begun, each.ended) for each in kept.steps][1] == ("root", 1, 3)


def test_the_newest_is_the_last_that_was_written(tmp_path: Path) -> None:
    """Also when the clock was an hour ahead when the one before was written."""
    first = record.of(update(EVENTS), "dev", "up", succeeded=True, waits_for={})
    record.write(tmp_path, msgspec.structs.replace(first, ended_at="2999-01-01T00:00:00.000+00:00"))

    record.write(tmp_path, record.of(update([]), "dev", "destroy", succeeded=True, waits_for={}))

    assert [each.command for each in record.all_of(tmp_path)] == ["destroy", "up"]


@pytest.mark.parametrize(
    ("command", "op", "succeeded", "kind"),
    [
        ("up", "create", True, "create"),
        ("up", "same", True, "update"),
        ("destroy", "delete", True, "destroy"),
        ("up", "create", False, "failed"),
    ],
)
def test_an_update_is_estimated_from_those_of_its_kind(
    command: str, op: str, *, succeeded: bool, kind: str
) -> None:
    """No estimate is made from one that failed."""
    found = update([step(STARTED, STACK, op)])

    assert record.of(found, "dev", command, succeeded=succeeded, waits_for={}).kind == kind


def test_a_record_of_another_version_counts_as_none(tmp_path: Path) -> None:
    """The next update writes it anew."""
    (tmp_path / "update.json").write_text('{"version": 2}')

    assert record.newest(tmp_path) is None
    assert record.read(tmp_path, "update") is None


def test_a_resource_waits_for_its_dependencies_and_its_parent() -> None:
    """One that waits for nothing is not listed."""
    state = [{"urn": CRD}, {"urn": DETAILS, "parent": STACK, "dependencies": [CRD]}]

    assert record.dependencies(state) == {DETAILS: [CRD, STACK]}
