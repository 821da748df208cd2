"""What a render test may ask for: the program's own charts, through the real helm."""

from pathlib import Path

import pytest

from tests.fakes.engine import RecordingEngine, find_release, run

from .helm import PluginCluster


@pytest.fixture(scope="session", params=["1.31.0-rc.0", "1.30.3", "1.29.3"])
def version(request: pytest.FixtureRequest) -> str:
    """Name the releases to render: today's, and the one to upgrade from."""
    return request.param


@pytest.fixture(scope="session")
def release_dir(version: str) -> Path:
    """Find a release to render, or skip."""
    return find_release(version)


@pytest.fixture(scope="session")
def deployed(
    helm: None, version: str, release_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> RecordingEngine:
    """Deploy the program with nothing but defaults, its charts rendered for real."""
    engine = RecordingEngine(PluginCluster())
    folder = tmp_path_factory.mktemp("sandbox")
    run(engine, folder, istioVersion=version, releaseDir=str(release_dir))
    return engine
