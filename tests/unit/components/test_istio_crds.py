"""Istio's CRDs: whole, awaited, kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.istio.release import Release, find
from tests.fakes.engine import RecordingEngine


@pytest.fixture(scope="module")
def release(release_dir: Path) -> Release:
    """Return the release that the program was run with."""
    return find("1.30.3", release_dir)


def test_every_crd_arrives_as_the_release_ships_it(
    deployed: RecordingEngine, release: Release
) -> None:
    """Field by field: the SDK's own names for x-kubernetes-* and the like must not slip in."""
    for crd in release.crds:
        inputs = deployed.inputs(f"CustomResourceDefinition/{crd['metadata']['name']}")
        wait = inputs["metadata"]["annotations"].pop("pulumi.com/waitFor")

        assert wait == "condition=Established"
        assert inputs == crd


def test_crds_are_kept_on_destroy(deployed: RecordingEngine, release: Release) -> None:
    """With a CRD would go every object of its kind, whoever made it."""
    for name in release.crd_names:
        assert deployed.requests[f"CustomResourceDefinition/{name}"].retainOnDelete

    assert deployed.outputs["keptOnDestroy"] == release.crd_names


def test_no_chart_brings_them_a_second_time(deployed: RecordingEngine, release: Release) -> None:
    """The base chart is told to leave out every one of them."""
    values = deployed.cluster.rendered["istio-base"]["values"]

    assert values["base"]["excludedCRDs"] == release.crd_names


def test_crds_are_deleted_when_asked(
    run_program: Callable[..., RecordingEngine], release: Release
) -> None:
    """And then the stack doesn't say that it keeps them."""
    engine = run_program(deleteCrds="true")

    for name in release.crd_names:
        assert not engine.requests[f"CustomResourceDefinition/{name}"].retainOnDelete
    assert engine.outputs["keptOnDestroy"] == []
