"""The SBOM: what is added to the Python packages, and what ends the command."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.audit import bom, licences


def _module(name: str, licence: str) -> dict[str, Any]:
    place = f"pkg:golang/{name}@v1.0.0"
    found = {"licenses": [{"license": {"id": licence}}]}
    return {
        "bom-ref": place,
        "type": "library",
        "name": name,
        "version": "v1.0.0",
        "purl": place,
        "evidence": found,
    }


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Write an SBOM of one Python package, two programs and the images."""
    package = {
        "type": "library",
        "name": "pulumi",
        "version": "3.246.0",
        "purl": "pkg:pypi/pulumi@3.246.0",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    file, folder = tmp_path / "sbom.json", tmp_path / "go"
    file.write_text(json.dumps({"components": [package]}))
    folder.mkdir()
    shared, own = _module("example.com/shared", "MIT"), _module("example.com/own", "MPL-2.0")
    (folder / "etcd.json").write_text(json.dumps({"components": [shared]}))
    (folder / "helm.json").write_text(json.dumps({"components": [shared, own]}))
    bom.main(file, folder)
    return file


def test_a_module_is_listed_once_with_all_of_its_programs(written: Path) -> None:
    """And with the licence that was found in its files."""
    found = {each["name"]: each for each in json.loads(written.read_text())["components"]}

    assert [each["value"] for each in found["example.com/shared"]["properties"]] == ["etcd", "helm"]
    assert found["example.com/own"]["licenses"] == [{"license": {"id": "MPL-2.0"}}]


def test_every_image_that_a_stack_may_deploy_is_listed(written: Path) -> None:
    """Istio's and Bookinfo's, by their package URLs."""
    found = json.loads(written.read_text())["components"]
    images = {each["purl"].partition("@")[0] for each in found if each["type"] == "container"}

    assert images >= {
        f"pkg:docker/istio/{name}"
        for name in ("pilot", "proxyv2", "install-cni", "ztunnel", "examples-bookinfo-mysqldb")
    }


def test_a_python_package_without_a_licence_is_an_error(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Go module whose licence isn't found is counted."""
    licences.main(written)
    assert "MPL-2.0" in capsys.readouterr().out
    whole = json.loads(written.read_text())
    for each in whole["components"]:
        each.pop("licenses", None)
    written.write_text(json.dumps(whole))

    with pytest.raises(SystemExit, match=r"no licence is known of pulumi: look it up"):
        licences.main(written)
