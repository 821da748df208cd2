"""What is shown of a running update: its phases, what it waits for, and how long it may take."""

import ast
import sys
from dataclasses import replace

import pytest

import console
from mesh.project import PROJECT
from meshctl.update import lines, phases, record
from meshctl.update.events import Update
from meshctl.update.lines import Lines
from meshctl.update.view import View
from meshctl.update.waiting import Objects, Watch
from meshctl.workspace.stack import Workspace

from . import pods
from .streams import CRD, DETAILS, DONE, INJECTOR, ISTIOD, STACK, STARTED, said, step, update

NAMED = {"inputs": {"metadata": {"name": "details-v1", "namespace": "bookinfo"}}}
SERVICE = {"spec": {}, "metadata": {"name": "details", "namespace": "bookinfo"}}


def _view(found: Update, objects: Objects | None = None, command: str = "up") -> View:
    watch = Watch(workspace=Workspace("dev", "default"), namespaces=(), update=found)
    if objects:
        watch.problems(objects)
    return View(update=found, watch=watch, stack="dev", command=command, last={})


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workspace, "config", {})


def test_every_outermost_component_has_a_phase() -> None:
    """Those that the layers create, in every mode."""
    created = {
        node.func.id
        for file in (PROJECT / "layers").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    files = (PROJECT / "components").glob("*.py")
    defined = {
        node.name
        for file in files
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    components = {name for name in created & defined if not name.endswith("Args")}

    assert "IstioCRDs" in components
    assert components == {name for names in phases.PHASES.values() for name in names}


def test_a_phase_is_over_when_a_later_one_has_begun() -> None:
    """Until then, more of its objects may come."""
    first = [step(STARTED, CRD), step(DONE, CRD)]

    assert _view(update(first)).over == []
    (over,) = _view(update([*first, step(STARTED, ISTIOD)])).over
    assert (over.name, over.done, over.begun, over.ended) == ("CRDs", "1 created", 0, 1)


def test_the_wait_for_pods_is_shown_before_that_for_their_webhook() -> None:
    """The injector's webhook configuration began first, and waits for istiod too."""
    view = _view(update([step(STARTED, INJECTOR), step(STARTED, ISTIOD)], passed=60))

    assert view.awaited is not None
    assert view.awaited.kind == "Deployment"


def test_a_wait_has_the_pods_words_or_the_plugins() -> None:
    """The pod's as soon as they are known."""
    waits = said("info", "0/1 Pods available", DETAILS, ephemeral=True)
    events = [step(STARTED, DETAILS, state=NAMED), waits]
    found = Objects(pods=[pods.PULL], services=[SERVICE])
    before, after = (_view(update(events, passed=60), each) for each in (None, found))

    assert before.awaited is not None
    assert after.awaited is not None
    assert before.why(before.awaited) == "0/1 Pods available"
    assert "ImagePullBackOff" in after.why(after.awaited)


def test_what_the_plugin_selects_is_said_in_plain_words() -> None:
    """Its own words are a JSONPath."""
    words = "{.webhooks[0].clientConfig.caBundle} selected nothing"
    waits = said("info", words, INJECTOR, ephemeral=True)
    view = _view(update([step(STARTED, INJECTOR), waits]))

    assert view.why(view.update.running[0]) == "istiod hasn't written its CA yet"


def test_an_estimate_is_made_from_the_last_update_of_the_same_kind() -> None:
    """A creation takes longer than an update; a failed one says nothing."""
    took = {"create": 31.0, "update": 6.0}
    last = {
        kind: record.Record(
            stack="dev", command="up", kind=kind, ended_at="", seconds=seconds, steps=[]
        )
        for kind, seconds in took.items()
    }
    told = []
    for op in ("create", "same"):
        view = _view(update([step(STARTED, STACK, op)], passed=10))
        shown = replace(view, last=last)
        told.append((shown.left, shown.usual))

    assert told == [
        ("about 21 s left", "the last creation took 31 s"),
        ("longer than usual", "the last update took 6 s"),
    ]


def test_lines_are_said_once_and_dots_show_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log only grows: no line is said twice while nothing changes."""
    monkeypatch.setattr(lines, "PAUSE", 0)
    monkeypatch.setattr(console._err, "_file", None)
    found = update([], passed=60)
    shown = Lines(_view(found))
    shown.look()
    for line in (step(STARTED, CRD), step(DONE, CRD), step(STARTED, DETAILS, state=NAMED)):
        found.add(line, 1)
    for _ in range(4):
        shown.look()
    shown.tell("Deployment bookinfo/details-v1 gets no pods")
    found.add(step(DONE, DETAILS), 60)
    shown.end()
    sys.stderr.flush()

    assert capsys.readouterr().err.splitlines() == [
        "   60 s   up of stack dev: reading the config and rendering the charts",
        "   60 s ✓ CRDs: 1 created in 0 s",
        "   60 s   Bookinfo: 1 in work; waiting for Deployment bookinfo/details-v1 (for 59 s)",
        "...",
        "Deployment bookinfo/details-v1 gets no pods",
        "   60 s ✓ Bookinfo: 1 created in 59 s",
    ]
