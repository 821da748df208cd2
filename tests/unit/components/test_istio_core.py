"""The core's values: what a published release would say."""

from pathlib import Path

import pytest

from tests.fakes.engine import ISTIO, RecordingEngine, run
from tests.fakes.mesh import istio_object, running_mesh

CA = "Secret/istio-cacerts"


def test_images_are_the_published_ones(deployed: RecordingEngine) -> None:
    """Charts of the source tree carry a testing hub and no tag."""
    values = deployed.cluster.rendered["istiod"]["values"]

    assert values["global"]["hub"] == "docker.io/istio"
    assert values["global"]["tag"] == ISTIO


def test_validators_fail_closed_from_the_start(deployed: RecordingEngine) -> None:
    """Istiod owns the field and sets it to Fail: both charts must say the same."""
    for name in ("istio-base", "istiod"):
        values = deployed.cluster.rendered[name]["values"]
        assert values["base"]["validationFailurePolicy"] == "Fail"


def test_config_maps_and_secrets_change_in_place(deployed: RecordingEngine) -> None:
    """Replaced, they are gone for a moment, and istiod has neither mesh config nor CA."""
    for provider in ("kubernetes/cluster", "kubernetes/cluster-crds"):
        assert deployed.inputs(provider)["enableConfigMapMutable"] == "true"
        assert deployed.inputs(provider)["enableSecretMutable"] == "true"


def test_a_moved_kubeconfig_replaces_nothing(deployed: RecordingEngine) -> None:
    """Both providers are known by the context's name, and say which context and file they use."""
    for provider in ("kubernetes/cluster", "kubernetes/cluster-crds"):
        inputs = deployed.inputs(provider)
        assert inputs["clusterIdentifier"] == inputs["context"] == "sandbox"
        assert inputs["kubeconfig"].endswith("/kubeconfig.yaml")


@pytest.mark.parametrize(("roots", "emptied"), [(("ab12",), True), ((), False)])
def test_a_ca_that_is_dropped_is_emptied_first(
    release_dir: Path, tmp_path: Path, roots: tuple[str, ...], *, emptied: bool
) -> None:
    """Pulumi deletes last: the istiod that restarts would load the CA from the Secret once more."""
    engine = RecordingEngine(running=running_mesh(istiods=(istio_object(roots=roots),)))

    run(engine, tmp_path, slim=True, releaseDir=str(release_dir))

    assert (CA in engine.requests) is emptied
    if emptied:
        assert engine.inputs(CA)["data"]["value"] == {}, "secret in the state, and empty"
