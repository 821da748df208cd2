"""What an istiod's ConfigMap says of its mesh."""

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
def test_the_root_namespace_is_istiods_unless_mesh_config_names_one(config: str, root: str) -> None:
    """What can't be read is no MeshConfig: istiod takes the default, too."""
    assert istiod.root_namespace({"data": {"mesh": config}}, "istio-system") == root
    assert istiod.root_namespace(None, "istio-system") == "istio-system"


def test_each_revision_has_a_mesh_config() -> None:
    """The default one's ConfigMap has no suffix."""
    assert [istiod.config_map(name) for name in (None, "default", "next")] == [
        "istio",
        "istio",
        "istio-next",
    ]
