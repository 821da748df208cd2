"""What verify finds of other teams' namespaces."""

import json
from collections.abc import Callable

import pytest

from mesh.validation import config
from meshctl.verify import mesh_namespaces
from meshctl.verify.snapshot import Snapshot
from tests.fakes.mesh import istio_object, running_mesh


@pytest.mark.parametrize(
    ("wanted", "there", "labelled", "ambient", "found"),
    [
        ({}, True, "default", False, "labelled for default"),
        ({"revision": "prod"}, True, "prod", False, "labelled for prod"),
        ({"injection": "ambient"}, True, None, True, "labelled for ambient mode"),
        ({}, False, None, False, "there is no such namespace"),
        ({}, True, None, False, "is labelled for no mesh, not for default"),
        ({}, True, "other", False, "is labelled for other, not for default"),
    ],
)
def test_a_namespace_is_labelled_as_the_stack_says(
    configure: Callable[..., None],
    wanted: dict[str, str],
    labelled: str | None,
    found: str,
    *,
    there: bool,
    ambient: bool,
) -> None:
    """Somebody may have deleted it, or its label."""
    configure(
        injection="ambient",
        meshNamespaces=json.dumps({"shop": wanted}),
        revisionTags=json.dumps({"prod": "default"}),
    )
    mesh = running_mesh(
        namespaces={"shop": istio_object("Namespace")} if there else {},
        revision_by_namespace={"shop": labelled} if labelled else {},
        ambient_namespaces=frozenset({"shop"} if ambient else ()),
    )
    snapshot = Snapshot(mesh=mesh, deployments=[], webhooks=[], services=[], pods=[])

    (finding,) = mesh_namespaces.check(snapshot, config.read_settings())

    assert finding.found == found
    assert finding.status == ("ok" if found.startswith("labelled") else "wrong")
