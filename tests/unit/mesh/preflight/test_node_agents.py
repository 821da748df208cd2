"""Node agents on a cluster whose nodes look for CNI plugins elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.charts.values import node_agent_values
from mesh.istio.control_planes import ControlPlane
from mesh.istio.release import TODAY, Release
from mesh.preflight import node_agents
from mesh.validation import config

GKE = "v1.34.1-gke.2037000"
K3S = "v1.34.1+k3s1"
PLANE = ControlPlane(
    release=Release(version="1.30.3", folder=Path(), layout=TODAY),
    revision="default",
    tag="1.30.3",
    tags=(),
)
BIN_DIR = json.dumps({"cni": {"cniBinDir": "/x"}})


@pytest.mark.parametrize("agent", [{"cni": "true"}, {"injection": "ambient"}])
def test_gke_is_told(configure: Callable[..., None], agent: dict[str, str]) -> None:
    """Else no pod would get its network: the plugin lies where no node looks."""
    configure(**agent)

    (refusal,) = node_agents.misplaced(GKE, config.read_settings())

    assert "Kubernetes 1.34.1-gke.2037000: `pulumi config set platform gke`" in refusal


@pytest.mark.parametrize("agent", [{"cni": "true"}, {"injection": "ambient"}])
def test_k3s_is_told(configure: Callable[..., None], agent: dict[str, str]) -> None:
    """Else istio-cni waits for a config that is in another folder, and so does the update."""
    configure(**agent)

    (refusal,) = node_agents.misplaced(K3S, config.read_settings())

    assert "it is k3s, Kubernetes 1.34.1+k3s1: `pulumi config set platform k3s`" in refusal


@pytest.mark.parametrize(
    ("kubernetes", "stack"),
    [
        (K3S, {}),
        (K3S, {"cni": "true", "platform": "k3d"}),
        (K3S, {"cni": "true", "values": json.dumps({"cni": {"cniConfDir": "/x"}})}),
        (GKE, {}),
        (GKE, {"cni": "true", "platform": "gke"}),
        (GKE, {"cni": "true", "kubeVersion": "1.34.1-gke.2037000"}),
        (GKE, {"cni": "true", "values": BIN_DIR}),
        ("v1.36.3", {"cni": "true"}),
    ],
)
def test_others_are_fine(
    configure: Callable[..., None], kubernetes: str, stack: dict[str, str]
) -> None:
    """Another cluster, a stack without istio-cni, or one that says where."""
    configure(**stack)

    assert list(node_agents.misplaced(kubernetes, config.read_settings())) == []


@pytest.mark.parametrize(
    ("stack", "folder"),
    [
        ({}, None),
        ({"platform": "gke"}, "/home/kubernetes/bin"),
        ({"kubeVersion": "1.34.1-gke.2037000"}, "/home/kubernetes/bin"),
        ({"platform": "gke", "values": BIN_DIR}, "/x"),
        ({"platform": "k3s", "values": BIN_DIR}, "/x"),
    ],
)
def test_the_chart_gets_the_folder(
    configure: Callable[..., None],
    stack: dict[str, str],
    folder: str | None,
) -> None:
    """Below the chart's prefix, where no platform's own value wins over it."""
    configure(cni="true", **stack)

    values = node_agent_values(config.read_settings(), "istio-cni", PLANE)

    assert values.get("cni", {}).get("cniBinDir") == folder
