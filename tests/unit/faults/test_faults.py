"""The faults: which points are tried, what counts as whole, and what the tables say."""

import json
from pathlib import Path
from typing import Any

import pytest

from faults import cluster_state, points, report
from faults.points import Point
from faults.report import Outcome, Results
from meshctl.workspace.stack import Workspace

RESOURCES: dict[points.Command, int] = {"up": 78, "destroy": 70, "upgrade": 78, "canary": 90}


def test_every_process_is_killed_at_every_resource() -> None:
    """Pulumi runs no program to destroy a stack."""
    chosen = points.chosen(RESOURCES, command=None, only=None, size=None, seed="")

    assert len(set(chosen)) == len(chosen) == 3 * 78 + 2 * 70 + 2 * 5 + 2 * 78 + 90
    assert Point(command="up", victim="program", resource=78, next="up") in chosen
    assert Point(command="destroy", victim="program", resource=1, next="destroy") not in chosen


def test_outages_are_tried_without_the_rest() -> None:
    """They take longer, and each is tried once for a command."""
    chosen = points.chosen(RESOURCES, command="up", only="outages", size=None, seed="")

    assert [point.victim for point in chosen] == list(points.OUTAGES)
    assert {point.resource for point in chosen} == {39}


def test_an_upgrade_is_repeated_or_taken_back() -> None:
    """And a canary that was broken off is given up."""
    chosen = points.chosen(RESOURCES, command=None, only="engine", size=None, seed="")

    following = {(p.command, p.next) for p in chosen if p.resource == 1}
    assert following >= {("upgrade", "upgrade"), ("upgrade", "up"), ("canary", "up")}


def test_a_sample_is_repeatable() -> None:
    """By its seed; another one has other points."""
    first, again, other = (
        points.chosen(RESOURCES, command="up", only="plugin", size=5, seed=seed)
        for seed in ("a", "a", "b")
    )

    assert first == again != other
    assert {point.victim for point in first} == {"plugin"}


def _deployment(uid: str, image: str = "reviews:1") -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "reviews", "namespace": "bookinfo", "uid": uid},
        "spec": {"template": {"image": image}},
        "status": {"replicas": 1},
    }


def _pod(name: str) -> dict[str, Any]:
    metadata = {"name": name, "generateName": "reviews-", "namespace": "bookinfo"}
    return {
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "reviews", "image": "reviews:1"}]},
    }


def _state(
    monkeypatch: pytest.MonkeyPatch, *objects: dict[str, Any], urns: tuple[str, ...] = ("a",)
) -> cluster_state.State:
    def kubectl(_: Workspace, verb: str, *_arguments: str) -> str:
        return (
            "deployments.apps\npods\n"
            if verb == "api-resources"
            else json.dumps({"items": objects})
        )

    def query(_: Workspace, *_arguments: str) -> str:
        return json.dumps({"deployment": {"resources": [{"urn": urn} for urn in urns]}})

    monkeypatch.setattr(Workspace, "kubectl", kubectl)
    monkeypatch.setattr(Workspace, "query", query)
    return cluster_state.read(Workspace("faults", "faults"))


def test_an_equal_cluster_is_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a cluster gives to each object, such as the names of pods."""
    wanted = _state(monkeypatch, _deployment("1"), _pod("reviews-x"))
    found = _state(monkeypatch, _deployment("2"), _pod("reviews-y"))

    assert list(cluster_state.differences(wanted, found)) == []


def test_what_is_twice_missing_or_different_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object's content counts, a pod's number, and what the stack's state has."""
    wanted = _state(monkeypatch, _deployment("1"), _pod("reviews-x"), urns=("a", "b"))
    found = _state(
        monkeypatch, _deployment("2", "reviews:2"), _pod("x"), _pod("y"), urns=("a", "a")
    )

    told = [line.partition(" {")[0] for line in cluster_state.differences(wanted, found)]

    assert told == [
        "0 instead of 1: Deployment bookinfo/reviews",
        "1 instead of 0: Deployment bookinfo/reviews",
        "2 instead of 1: Pod bookinfo/reviews- ['reviews reviews:1']",
        "2 instead of 1: a",
        "0 instead of 1: b",
    ]


def test_the_data_of_others_secrets_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cluster and istiod add to their namespace doesn't, nor what the stack has."""

    def secret(namespace: str, word: str) -> dict[str, Any]:
        metadata = {"name": "shop", "namespace": namespace}
        return {"kind": "Secret", "metadata": metadata, "data": {"word": word}}

    root = {"kind": "ConfigMap", "metadata": {"name": "istio-ca-root-cert", "namespace": "shop"}}
    before = _state(monkeypatch, secret("shop", "a"), secret("bookinfo", "a"))
    after = _state(monkeypatch, secret("shop", "b"), secret("bookinfo", "b"), root)

    theirs = [cluster_state.of_others(state) for state in (before, after)]

    assert [len(state) for state in theirs] == [1, 1]
    assert len(list(cluster_state.differences(theirs[0], theirs[1]))) == 2


def _outcome(resource: int, *wrong: str, at: str = "Namespace::bookinfo") -> Outcome:
    point = Point(command="up", victim="engine", resource=resource, next="up")
    return Outcome(point=point, at=at, ended=resource, again=20, wrong=wrong)


def test_the_results_are_kept_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that was over before it could be disturbed doesn't count."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    monkeypatch.setattr(report, "PAGE", page)
    outcomes = [_outcome(1), _outcome(9, "1 instead of 2: a"), _outcome(78, at="")]
    file = tmp_path / "faults.json"
    Results(date="2026-01-02", resources=RESOURCES, outcomes=outcomes).write(file)

    kept = report.read(file, "2026-03-04")
    report.write_page(kept)

    assert kept.outcomes == outcomes
    assert "| up | engine killed | up | 2 of 78 | 1 to 9 | 20 | 1 of 2 |" in page.read_text()
    assert "2026-01-02: a sample, 2 of 630 points." in page.read_text()
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("\nafter\n")
    assert list(report.broken(kept)) == [
        "up, engine at resource 9 (Namespace::bookinfo): 1 instead of 2: a"
    ]
