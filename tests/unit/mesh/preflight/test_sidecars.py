"""Changes of what sidecars are injected with are announced."""

import json
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from mesh.injection.kube_inject import Config
from mesh.istio.control_planes import ControlPlane
from mesh.istio.release import TODAY, Release
from mesh.preflight import sidecars
from mesh.settings.schema import Settings
from mesh.validation import config
from tests.fakes.api_server import Answer, Request, cluster_at, serving

PLANE = ControlPlane(
    release=Release(version="1.30.3", folder=Path(), layout=TODAY),
    revision="1-30-3",
    tag="1.30.3",
    tags=(),
)


def made(mesh: str = "{}", values: str = "{}", templates: str = "t") -> Config:
    """Return what a chart has rendered."""
    return Config(mesh=mesh, templates=templates, values=values)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep the warnings."""
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


@pytest.mark.parametrize(
    ("after", "named"),
    [
        (
            made(mesh="defaultConfig: {tracing: {sampling: 5}}"),
            "meshConfig.defaultConfig.tracing.sampling",
        ),
        (
            made(values='{"global": {"proxy": {"logLevel": "info"}}}'),
            "values.global.proxy.logLevel",
        ),
        (made(templates="other"), "the injection template"),
    ],
)
def test_what_running_sidecars_do_not_follow_is_named(
    warnings: list[str], after: Config, named: str
) -> None:
    """With the command by which they do."""
    sidecars._warn(PLANE, made(), after)

    (warning,) = warnings
    assert "sidecars of revision 1-30-3" in warning
    assert named in warning
    assert "kubectl rollout restart deployment -n NAMESPACE" in warning


def test_what_sidecars_follow_is_not_named(warnings: list[str]) -> None:
    """Changes of all other fields of the mesh config reach them from istiod."""
    sidecars._warn(PLANE, made(), made(mesh="accessLogFile: /dev/stdout"))

    assert warnings == []


def test_today_is_what_the_cluster_has(configure: Callable[..., None], tmp_path: Path) -> None:
    """The ConfigMaps of the plane's revision; none means that it doesn't run yet."""
    configure()
    live = {
        "istio-1-30-3": {"mesh": "{}"},
        "istio-sidecar-injector-1-30-3": {"config": "t", "values": json.dumps({"a": 1})},
    }
    settings: Settings = config.read_settings()

    def answer(request: Request) -> Answer:
        name = request.path.rpartition("/")[2]
        if name in live:
            return 200, {"metadata": {"name": name}, "data": live[name]}
        return 404, {"kind": "Status", "code": 404}

    with serving(answer) as url, sidecars.connect(cluster_at(url, tmp_path)) as client:
        assert sidecars._live(client, settings, PLANE) == made(values='{"a": 1}')
        live.clear()
        assert sidecars._live(client, settings, PLANE) is None
