"""Bookinfo: the release's own sample, object for object."""

import copy
from pathlib import Path
from typing import Any

import pytest

from mesh import fast_yaml
from tests.fakes.engine import RecordingEngine


@pytest.fixture(scope="module")
def ours(deployed: RecordingEngine) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the objects of the component by kind and name."""
    objects = [
        deployed.inputs(name)
        for name, request in deployed.requests.items()
        if request.parent.endswith(":Bookinfo::bookinfo")
    ]
    return {(found["kind"], found["metadata"]["name"]): found for found in objects}


def sample(release_dir: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the objects of the release's sample for Pod Security by kind and name."""
    file = release_dir / "samples/bookinfo/platform/kube/bookinfo-psa.yaml"
    if not file.is_file():
        pytest.skip(f"no {file}")
    return {
        (found["kind"], found["metadata"]["name"]): found
        for found in fast_yaml.load_all(file.read_bytes())
        if found
    }


def test_it_has_the_samples_objects(ours: dict[tuple[str, str], Any], release_dir: Path) -> None:
    """4 Services, 4 ServiceAccounts, 6 Deployments: none missing, none more."""
    assert ours.keys() == sample(release_dir).keys()
    assert len(ours) == 14


def test_each_object_is_the_samples(
    ours: dict[tuple[str, str], dict[str, Any]], release_dir: Path
) -> None:
    """Field by field; ours say their namespace, and that Services aren't awaited.

    Ours serve on while they end: the sample's lose requests when a pod is replaced.
    The sample keeps to Pod Security's baseline, ours to restricted: a seccomp profile, and the
    capabilities in the spelling that this standard knows.
    """
    for key, expected in sample(release_dir).items():
        found = copy.deepcopy(ours[key])
        metadata = found["metadata"]

        assert metadata.pop("namespace") == "bookinfo"
        if found["kind"] == "Service":
            assert metadata.pop("annotations") == {"pulumi.com/skipAwait": "true"}
        if found["kind"] == "Deployment":
            (container,) = expected["spec"]["template"]["spec"]["containers"]
            assert container["securityContext"]["capabilities"] == {"drop": ["all"]}
            # The sample names a registry that Istio retires.
            image = container["image"].removeprefix("registry.istio.io/release/")
            container["image"] = f"docker.io/istio/{image}"
            container["securityContext"] |= {
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            }
            container["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", "5"]}}}
        assert _ordered(found) == _ordered(expected)


def _ordered(manifest: dict[str, Any]) -> dict[str, Any]:
    """Sort a pod's volumes: to Kubernetes they are a map by name."""
    template = manifest.get("spec", {}).get("template", {})
    if "volumes" in template.get("spec", {}):
        template["spec"]["volumes"].sort(key=lambda volume: volume["name"])
    return manifest


def test_every_deployment_is_awaited(ours: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Its pods running are what "ready" means."""
    for (kind, _), found in ours.items():
        if kind == "Deployment":
            assert "annotations" not in found["metadata"]
