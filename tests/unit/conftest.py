"""What a unit test may ask for."""

import gc
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from tests.fakes.engine import RecordingEngine, defaults, find_release, run, set_config


def pytest_collection_finish() -> None:
    """Keep what is imported by now out of each garbage collection: it took a tenth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def release_dir() -> Path:
    """Find an Istio release to test with, or skip."""
    return find_release(defaults()["mesh:istioVersion"])


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the config of stack mesh/test, without running anything."""
    monkeypatch.setattr(pulumi, "get_project", lambda: "mesh")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "test")
    return set_config


@pytest.fixture(scope="session")
def run_program(
    release_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., RecordingEngine]:
    """Run __main__.py in the sandbox, with a config, and return what the engine was told."""

    def run_in_sandbox(**overrides: str) -> RecordingEngine:
        engine = RecordingEngine()
        run(
            engine,
            tmp_path_factory.mktemp("sandbox"),
            slim=bool(overrides),
            **{"releaseDir": str(release_dir), **overrides},
        )
        return engine

    return run_in_sandbox


@pytest.fixture(scope="session")
def deployed(run_program: Callable[..., RecordingEngine]) -> RecordingEngine:
    """Deploy the program as it is, with nothing but defaults."""
    return run_program()
