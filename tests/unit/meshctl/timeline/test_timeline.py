"""A timeline shows what each object waited for, and where the seconds went."""

import json
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from meshctl.timeline import drawing, show
from meshctl.timeline.chain import Timeline
from meshctl.update import record
from meshctl.update.record import Kept, Record
from meshctl.workspace.stack import Workspace, WorkspaceError

STACK = "urn:pulumi:dev::mesh::pulumi:pulumi:Stack::mesh-dev"
CRDS = "urn:pulumi:dev::mesh::mesh:index:IstioCRDs::istio-crds"
CRD = "urn:pulumi:dev::mesh::mesh:index:IstioCRDs$kubernetes:apiextensions.k8s.io/v1:CRD::gateways"
CORE = "urn:pulumi:dev::mesh::mesh:index:IstioCore::istio"
ROLE = "urn:pulumi:dev::mesh::mesh:index:IstioCore$kubernetes:rbac/v1:Role::istiod"
ISTIOD = "urn:pulumi:dev::mesh::mesh:index:IstioCore$kubernetes:apps/v1:Deployment::istiod"
STATE = [
    {"urn": STACK},
    {"urn": CRDS, "parent": STACK},
    {"urn": CRD, "parent": CRDS},
    {"urn": CORE, "parent": STACK, "dependencies": [CRD]},
    {"urn": ROLE, "parent": CORE},
    {"urn": ISTIOD, "parent": CORE, "dependencies": [ROLE]},
]
UP = {CRD: (3, 5), CORE: (5, 5), ROLE: (6, 7), ISTIOD: (7.5, 16)}
DESTROY = {ISTIOD: (1, 4), ROLE: (5, 6), CORE: (6, 6), CRD: (7, 9)}


def _timeline(command: str, times: Mapping[str, tuple[float, float]], seconds: float) -> Timeline:
    steps = [
        Kept(urn=urn, op="create", name=f"a/{urn[-6:]}", begun=begun, ended=ended, failed=False)
        for urn, (begun, ended) in times.items()
    ]
    kept = Record(
        stack="dev",
        command=command,
        kind="update",
        ended_at="2026-01-01T00:00:00+00:00",
        seconds=seconds,
        steps=steps,
    )
    return Timeline(kept, record.dependencies(STATE))


def test_the_longest_chain_leads_through_components() -> None:
    """The control plane waits for its role, and with its component for the CRDs."""
    timeline = _timeline("up", UP, 20)

    assert [(bar.step.urn, bar.gap) for bar in timeline.chain] == [
        (CRD, 3),
        (ROLE, 1),
        (ISTIOD, 0.5),
    ]


def test_a_destroy_waits_the_other_way_round() -> None:
    """CRDs go when what depends on them is gone."""
    timeline = _timeline("destroy", DESTROY, 10)

    assert [bar.step.urn for bar in timeline.chain] == [ISTIOD, ROLE, CRD]


def test_the_seconds_of_the_chain_are_those_of_the_update() -> None:
    """Nothing is counted twice, and nothing is lost."""
    assert _timeline("up", UP, 20).seconds == {
        "before the first object": 3,
        "waiting for its turn": 0,
        "CRDs": 2,
        "core": 9.5,
        "between two objects": 1.5,
        "after the last object": 4,
    }


def test_an_object_may_wait_for_its_turn() -> None:
    """Pulumi works on few at a time: the time before is not all spent before the first object."""
    other = CRD.replace("gateways", "sidecars")

    spent = _timeline("up", {other: (1, 3), **UP}, 20).seconds

    assert spent["before the first object"] == 1
    assert spent["waiting for its turn"] == 2


def test_a_drawing_has_every_object_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    """It is an image: a page that shows it runs no script, whatever an object is named."""
    file = tmp_path / "timeline.svg"
    timeline = _timeline("up", {**UP, ROLE.replace("istiod", "<b>&'"): (6, 7)}, 20)

    drawing.draw(file, timeline)

    found = list(ElementTree.fromstring(file.read_text()).iter())  # noqa: S314 - our own file
    texts = [each.text for each in found if each.text]
    for bar in timeline.bars:
        assert bar.name in texts
    assert any("after Role a/istiod" in text for text in texts)
    assert not [each for each in found if each.tag.endswith(("script", "}b"))]
    assert not [each for each in found for key in each.attrib if key.endswith("href")]
    assert "url(" not in file.read_text()


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workspace:
    """Return a stack's workspace with records of its own, and a state."""
    monkeypatch.setattr(Workspace, "records", tmp_path)
    state = json.dumps({"deployment": {"resources": STATE}})
    monkeypatch.setattr(Workspace, "query", lambda *_: state)
    return Workspace("dev", "default")


def test_the_table_has_the_slowest_first(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what each waited for; what a state depends on is read from it."""
    record.write(tmp_path, _timeline("up", UP, 20).record)

    show.show(workspace, None)

    rows = [line for line in capsys.readouterr().out.splitlines() if "a/" in line]
    assert [row.split()[1] for row in rows] == ["8.5", "2.0", "1.0"]
    assert "Role a/istiod" in rows[0]


def test_a_stack_that_was_never_up_is_named(workspace: Workspace) -> None:
    """With what to do."""
    with pytest.raises(WorkspaceError, match=r"stack dev has no record .* run `make up` first"):
        show.show(workspace, None)
