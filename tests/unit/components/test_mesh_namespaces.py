"""Other teams' namespaces in the mesh: labelled by the stack, and owned by their teams."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from mesh.preflight import in_use, platform
from mesh.validation import config
from tests.fakes.engine import RecordingEngine
from tests.fakes.mesh import istio_object, running_mesh

Run = Callable[..., RecordingEngine]
Configure = Callable[..., None]


def test_each_gets_the_label_of_its_way_into_the_mesh(run_program: Run) -> None:
    """A patch of the label and nothing else; a stack without such namespaces has no component."""
    wanted = {"shop": {}, "bank": {"revision": "prod"}, "fast": {"injection": "ambient"}}
    engine = run_program(
        meshNamespaces=json.dumps(wanted),
        injection="ambient",
        revisionTags=json.dumps({"prod": "default"}),
    )

    labels = {
        name: engine.inputs(f"NamespacePatch/mesh-namespaces-{name}")["metadata"] for name in wanted
    }
    assert labels == {
        "shop": {"name": "shop", "labels": {"istio-injection": "enabled"}},
        "bank": {"name": "bank", "labels": {"istio.io/rev": "prod"}},
        "fast": {"name": "fast", "labels": {"istio.io/dataplane-mode": "ambient"}},
    }


def test_the_stack_creates_one_and_keeps_it(run_program: Run) -> None:
    """Before its label and its policy; a destroy must not delete what its team has put there."""
    engine = run_program(
        meshNamespaces=json.dumps({"new": {"create": True}, "shop": {}}),
        mtlsByNamespace=json.dumps({"new": "strict"}),
        namespaceLabels=json.dumps({"team": "web"}),
    )
    created = "Namespace/mesh-namespaces-new-namespace"

    assert engine.inputs(created)["metadata"] == {"name": "new", "labels": {"team": "web"}}
    assert engine.requests[created].retainOnDelete
    assert "cluster-crds" in engine.requests[created].provider, "one that was left is taken over"
    assert created in engine.waits_for("NamespacePatch/mesh-namespaces-new")
    assert "NamespacePatch/mesh-namespaces-new" in engine.waits_for(
        "PeerAuthentication/security-mtls-new"
    )
    assert "Namespace/mesh-namespaces-shop-namespace" not in engine.requests


def test_a_stack_without_them_has_nothing_of_it(deployed: RecordingEngine) -> None:
    """No component, and no patch."""
    assert not [name for name in deployed.requests if "mesh-namespaces" in name]


@pytest.mark.parametrize(
    ("namespaces", "rule"),
    [
        ({"bookinfo": {}}, "meshNamespaces.bookinfo: is a namespace of the stack's own"),
        ({"kube-system": {}}, "is a namespace of Kubernetes itself"),
        ({"Shop": {}}, "a namespace is 1 to 63 lower-case letters"),
        ({"shop": {"injection": "manual"}}, "injection: must be 'auto' or 'ambient'"),
        (
            {"shop": {"injection": "ambient"}},
            "needs mesh:injection ambient, which sets",
        ),
        ({"shop": {"revision": "next"}}, "shop.revision: must be a revision or a tag"),
        ({"shop": {"label": "x"}}, "meshNamespaces.shop.label: no such"),
    ],
)
def test_what_does_not_fit_is_refused(
    configure: Configure, namespaces: dict[str, Any], rule: str
) -> None:
    """With the namespace, the rule and the value."""
    configure(meshNamespaces=json.dumps(namespaces))

    with pytest.raises(pulumi.RunError) as caught:
        config.read_settings()
    assert rule in str(caught.value)


def test_the_cluster_must_have_them_and_nobody_else_label_them(configure: Configure) -> None:
    """What somebody else decided isn't changed: it is told, with the command."""
    wanted = {"shop": {}, "bank": {}, "other": {}, "fine": {}, "new": {"create": True}}
    configure(meshNamespaces=json.dumps(wanted))
    running = running_mesh(
        namespaces={name: istio_object("Namespace") for name in ("bank", "other", "fine")},
        owners={"bank": "mesh/bank", "other": None, "fine": None},
        foreign_injection_labels={"other": "disabled", "fine": "enabled"},
    )

    found = list(platform._foreign_namespaces(config.read_settings(), running))

    assert len(found) == 3
    assert (
        "no namespace shop: `pulumi config set --path meshNamespaces.shop.create true`" in found[0]
    )
    assert "namespace bank is of stack mesh/bank" in found[1]
    assert "namespace other is labelled istio-injection=disabled by somebody else" in found[2]


def test_a_revision_that_goes_takes_their_label_along(configure: Configure) -> None:
    """The update labels them anew, so the label is no use; pods of the old revision still are."""
    configure(meshNamespaces=json.dumps({"shop": {}}))
    running = running_mesh(revision_by_namespace={"shop": "old", "bank": "old"})
    gone = in_use.Removed(revisions=frozenset({"old"}), labels=frozenset({"old"}))

    planes: Any = type("Planes", (), {"names": {}})
    users = list(
        in_use.users(running, config.read_settings(), planes, gone, [("old", "shop/web-1")])
    )

    assert users == [
        "revision old, by the pods shop/web-1",
        "revision or tag old, by the label of namespace bank",
    ]
