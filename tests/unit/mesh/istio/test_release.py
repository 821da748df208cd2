"""An Istio release on disk: found, known, or refused with what to do."""

from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from mesh.istio import release
from mesh.validation import config

PARTS = (
    "manifests/charts/base/files/crd-all.gen.yaml",
    "manifests/charts/base/Chart.yaml",
    "manifests/charts/istio-control/istio-discovery/Chart.yaml",
    "manifests/charts/gateway/Chart.yaml",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lay out a release with nothing in its files."""
    for part in PARTS:
        file = tmp_path / part
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def test_a_release_is_found_by_its_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloaded releases lie beside Pulumi.yaml, one folder a version."""
    releases = folder / "project" / "releases"
    releases.mkdir(parents=True)
    (releases / "1.30.3").symlink_to(folder)
    monkeypatch.setattr(release, "PROJECT", folder / "project")

    assert release.find("1.30.3", None).folder == releases / "1.30.3"


def test_a_release_that_is_not_on_disk_is_one_command_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the folder and `make release`."""
    monkeypatch.setattr(release, "PROJECT", tmp_path)

    with pytest.raises(pulumi.RunError) as caught:
        release.find("1.30.9", None)

    assert f"Istio 1.30.9 is not on disk: no folder {tmp_path}/releases/1.30.9" in str(caught.value)
    assert "`make release STACK=test`" in str(caught.value)


def test_a_named_folder_that_is_absent_is_refused(tmp_path: Path) -> None:
    """A download would not help there, so the message doesn't name it."""
    with pytest.raises(pulumi.RunError) as caught:
        release.find("1.30.3", tmp_path / "nowhere")

    assert f"no folder {tmp_path}/nowhere" in str(caught.value)
    assert "make release" not in str(caught.value)


@pytest.mark.parametrize("part", PARTS)
def test_a_folder_without_charts_is_refused(folder: Path, part: str) -> None:
    """The message says what was looked for and isn't there."""
    (folder / part).unlink()

    with pytest.raises(pulumi.RunError) as caught:
        release.find("1.30.3", folder)

    assert f"{folder} has no Istio charts: it lacks {part};" in str(caught.value)


def test_a_release_says_where_it_came_from(folder: Path) -> None:
    """The downloader's note, or the folder itself."""
    found = release.find("1.30.3", folder)
    assert found.source == f"the folder {folder}"

    (folder / "SOURCE").write_text("https://github.com/istio/istio, tag 1.30.3\n")
    assert found.source == "https://github.com/istio/istio, tag 1.30.3"


def test_the_release_has_its_parts(release_dir: Path) -> None:
    """A real release: every chart is a chart, and every CRD a CRD."""
    found = release.find("1.30.3", release_dir)

    charts = [found.base_chart, found.istiod_chart, found.gateway_chart]
    assert all((chart / "Chart.yaml").is_file() for chart in charts)
    assert {crd["kind"] for crd in found.crds} == {"CustomResourceDefinition"}
    assert len(found.crd_names) == len(set(found.crd_names)) > 10


@pytest.mark.parametrize("key", ["cni", "injection"])
def test_a_release_without_an_agents_chart_is_refused(
    configure: Callable[..., None], folder: Path, key: str
) -> None:
    """Only where the stack needs the agent: early releases have no ztunnel."""
    configure(releaseDir=str(folder), **{key: {"cni": "true", "injection": "ambient"}[key]})

    with pytest.raises(pulumi.RunError) as caught:
        config.read()

    assert f"mesh:{key}: needs the chart of istio-cni" in str(caught.value)
    assert f"lacks {folder}/manifests/charts/istio-cni" in str(caught.value)
    assert "pulumi config set injection auto" in str(caught.value)


def test_the_release_has_its_agents_charts(release_dir: Path) -> None:
    """A real release: both are charts."""
    found = release.find("1.30.3", release_dir)

    for agent in ("istio-cni", "ztunnel"):
        assert (found.node_agent_chart(agent) / "Chart.yaml").is_file()
