"""What an istiod's ConfigMap says of its mesh."""

from typing import Any

import pytest

from meshctl.manifests import istiod


@pytest.mark.parametrize(
    ("config", "root"),
    [
        ("rootNamespace: policies", "policies"),
        ("trustDomain: example.org", "istio-system"),
        ("{", "istio-system"),
        ("a text", "istio-system"),
        ("", "istio-system"),
    ],
)
def test_mesh_config_names_the_root_namespace(config: str, root: str) -> None:
    """Istio's default, wherever istiod is, unless a ConfigMap says another."""
    assert istiod.root_namespace({"data": {"mesh": config}}, "control") == root


def test_istiods_charts_make_its_namespace_the_root() -> None:
    """So that is likely where the ConfigMap may not be read."""
    assert istiod.root_namespace(None, "control") == "control"


@pytest.mark.parametrize("content", [{}, {"data": None}, {"data": {"meshNetworks": "{}"}}])
def test_a_config_map_may_lack_mesh_config(content: Any) -> None:
    """Then istiod takes its defaults."""
    assert istiod.root_namespace(content, "control") == "istio-system"


def test_each_revision_has_a_mesh_config() -> None:
    """The default one's ConfigMap has no suffix."""
    assert [istiod.config_map(name) for name in (None, "default", "next")] == [
        "istio",
        "istio",
        "istio-next",
    ]
