"""What istioctl holds of an adopted mesh: which objects, and what changes without it."""

import pytest

from meshctl.commands.handover import Manifest, _items, changed, replaced


def manifest(kind: str, name: str, api_version: str = "v1") -> Manifest:
    """Return what says which object it is."""
    metadata = {"name": name, "namespace": "istio-system"}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def test_only_what_the_stack_has_its_own_of_is_replaced() -> None:
    """Its gateways' accounts, and the way to istiod by a tag; of Bookinfo's Service nothing."""
    found = replaced(
        [
            manifest("Service", "istiod"),
            manifest("Service", "reviews"),
            manifest("Deployment", "edge", "apps/v1"),
        ]
    )

    assert found == [
        manifest("Service", "istiod-revision-tag-default"),
        manifest("ServiceAccount", "edge-service-account"),
        manifest("Role", "edge-sds", "rbac.authorization.k8s.io/v1"),
        manifest("RoleBinding", "edge-sds", "rbac.authorization.k8s.io/v1"),
    ]


def test_changes_are_named_by_their_fields() -> None:
    """To the field, and labels together; what the API server keeps for itself is no change."""
    container = {"name": "istio-proxy", "args": ["proxy"], "image": "auto"}
    before = {
        "metadata": {"name": "edge", "labels": {"a": "1", "b": "2"}, "generation": 1},
        "spec": {"replicas": 1, "containers": [container], "volumes": [{"name": "v"}]},
        "status": {"replicas": 1},
    }
    after = {
        "metadata": {"name": "edge", "labels": {"a": "1"}, "generation": 2},
        "spec": {"replicas": 1, "containers": [{"name": "istio-proxy", "image": "auto"}]},
        "status": {},
    }

    assert list(changed(before, after)) == [
        "metadata.labels",
        "spec.containers[0].args",
        "spec.volumes",
    ]
    assert list(changed(before, before)) == []


@pytest.mark.parametrize(
    ("printed", "count"),
    [("", 0), ('{"kind": "Role"}', 1), ('{"kind": "List", "items": [1, 2]}', 2)],
)
def test_kubectl_prints_one_object_without_a_list(printed: str, count: int) -> None:
    """And nothing at all when it finds none."""
    assert len(_items(printed)) == count
