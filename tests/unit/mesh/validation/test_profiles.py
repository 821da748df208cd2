"""Profiles, platforms and compatibility versions: those of the release's charts."""

from pathlib import Path

import pytest
from pydantic.alias_generators import to_snake

from mesh.settings.clusters import RemoteControlPlane
from mesh.settings.schema import Settings
from mesh.validation import profiles


def mistakes(release_dir: Path, setting: str, choice: str | None) -> list[str]:
    """Choose one, as a stack would."""
    chart = release_dir / "manifests/charts/istio-control/istio-discovery"
    settings = Settings.defaults().model_copy(update={to_snake(setting): choice})
    return [each.line() for each in profiles.conflicts(settings, chart)]


@pytest.mark.parametrize(
    ("setting", "choice"),
    [
        ("profile", None),
        ("profile", "demo"),
        ("profile", "ambient"),
        ("platform", "openshift"),
        ("compatibilityVersion", "1.29"),
    ],
)
def test_what_the_release_ships_can_be_chosen(
    release_dir: Path, setting: str, choice: str | None
) -> None:
    """Each of the three kinds, or none."""
    assert mistakes(release_dir, setting, choice) == []


@pytest.mark.parametrize(
    ("setting", "choice", "listed"),
    [
        ("profile", "dmo", "did you mean demo?"),
        ("profile", "platform-gke", "which has ambient, demo, preview, stable"),
        ("platform", "demo", "gke, k3d, k3s, microk8s, minikube, openshift"),
        ("compatibilityVersion", "1.30", "1.25, 1.26, 1.27, 1.28, 1.29"),
    ],
)
def test_anything_else_is_refused_with_the_list(
    release_dir: Path, setting: str, choice: str, listed: str
) -> None:
    """The charts would fail in the middle of a render."""
    (found,) = mistakes(release_dir, setting, choice)

    assert found.startswith(f"{setting}: no such one in the release")
    assert listed in found


def test_a_mesh_whose_istiod_is_elsewhere_is_refused_with_the_reason(release_dir: Path) -> None:
    """The release has the profile, but its charts create no istiod to wait for."""
    (found,) = mistakes(release_dir, "profile", "remote")

    assert found.startswith("profile: is for a cluster whose istiod runs in another one")
    assert "drop it" in found


@pytest.mark.parametrize("ships", [True, False])
def test_a_cluster_without_an_istiod_needs_the_releases_profile(
    tmp_path: Path, *, ships: bool
) -> None:
    """Without it the charts would install an istiod all the same."""
    (tmp_path / "files").mkdir()
    if ships:
        (tmp_path / "files" / "profile-remote.yaml").touch()
    serving = RemoteControlPlane(cluster="west", address="192.0.2.10")
    settings = Settings.defaults().model_copy(update={"remote_control_plane": serving})

    lines = [each.line() for each in profiles.conflicts(settings, tmp_path)]

    assert [line.partition(":")[0] for line in lines] == ([] if ships else ["remoteControlPlane"])
