"""The sandbox's istiod, for sidecars that are Envoys without Istio's own filters."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Service

from sandbox.keeper.istiod import Istiod

MESH = {
    "trustDomain": "cluster.local",
    "defaultProviders": {"metrics": ["prometheus"], "tracing": ["zipkin"]},
}
DEPLOYMENT = Deployment.from_dict(
    {
        "metadata": {"name": "istiod-canary", "namespace": "istio-system"},
        "spec": {
            "selector": {},
            "template": {
                "metadata": {"labels": {"app": "istiod", "istio.io/rev": "canary"}},
                "spec": {
                    "containers": [
                        {"name": "discovery", "env": [{"name": "REVISION", "value": "canary"}]}
                    ]
                },
            },
        },
    }
)
SERVICE = Service.from_dict(
    {
        "metadata": {"name": "istiod-canary"},
        "spec": {"clusterIP": "127.20.0.9", "selector": {"app": "istiod"}},
    }
)


def istiod(*, plain_envoy: bool, mesh: dict[str, Any] | str | None = MESH) -> Istiod:
    """Return one on a cluster that has this mesh config."""
    text = mesh if isinstance(mesh, str) else yaml.safe_dump(mesh)
    config = ConfigMap(data={"mesh": text})

    def listed(kind: type, **query: Any) -> Iterator[Any]:
        if kind is Service:
            yield SERVICE
        elif mesh is not None and query["fields"] == {"metadata.name": "istio-canary"}:
            yield config

    client: Any = SimpleNamespace(list=listed)
    return Istiod(client, Path("kubeconfig"), plain_envoy=plain_envoy)


def test_it_leaves_out_what_a_plain_envoy_refuses(tmp_path: Path) -> None:
    """By its environment, and by its revision's mesh config without providers of metrics."""
    spec = istiod(plain_envoy=True).spec(DEPLOYMENT, tmp_path)

    assert spec is not None
    assert dict(spec.environment)["PILOT_ENABLE_METADATA_EXCHANGE"] == "false"
    mounted = yaml.safe_load((tmp_path / "etc/istio/config/mesh").read_text())
    assert mounted == {**MESH, "defaultProviders": {"tracing": ["zipkin"]}}


def test_it_starts_after_its_mesh_config(tmp_path: Path) -> None:
    """Else it would take Istio's defaults, and keep them."""
    assert istiod(plain_envoy=True, mesh=None).spec(DEPLOYMENT, tmp_path) is None


@pytest.mark.parametrize("text", ["trustDomain: [", "trustDomain"])
def test_a_broken_mesh_config_is_left_to_istiod(tmp_path: Path, text: str) -> None:
    """It says in its log what is wrong, and all other istiods run."""
    assert istiod(plain_envoy=True, mesh=text).spec(DEPLOYMENT, tmp_path) is not None

    assert (tmp_path / "etc/istio/config/mesh").read_text() == text


@pytest.mark.parametrize("mesh", [MESH, None])
def test_with_fake_pods_it_is_as_on_any_cluster(
    tmp_path: Path, mesh: dict[str, Any] | None
) -> None:
    """It reads the ConfigMap itself."""
    spec = istiod(plain_envoy=False, mesh=mesh).spec(DEPLOYMENT, tmp_path)

    assert spec is not None
    assert dict(spec.environment) == {"REVISION": "canary"}
    assert list(tmp_path.iterdir()) == []
