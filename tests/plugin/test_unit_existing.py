"""What a refresh and an import make of an object."""

from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct

from sandbox.kubernetes_plugin.engine import Engine
from sandbox.kubernetes_plugin.errors import UnreachableError
from sandbox.kubernetes_plugin.existing import Existing
from sandbox.kubernetes_plugin.reading import Properties, from_struct
from tests.plugin.client import config_map, urn_of

NOTHING = Properties(Struct())


def reader(live=None, *, unreachable="", renders=False):
    """Make what reads objects, of a cluster that has one, or that doesn't answer."""
    connection: Any = SimpleNamespace(
        unreachable=unreachable,
        renders=renders,
        settings=SimpleNamespace(
            server_side_apply=True, delete_unreachable=False, skip_update_unreachable=False
        ),
        cluster=SimpleNamespace(path_of=lambda *_: "", get=lambda _: live),
    )
    return Existing(Engine(None), connection)


@pytest.mark.parametrize(
    ("kind", "version", "found"),
    [("ConfigMap", "v1", ["data"]), ("Gateway", "networking.istio.io/v1", [])],
)
def test_an_import_finds_what_the_schema_names(kind, version, found):
    """Of a custom resource that is nothing but which one it is (provider.go, Read)."""
    live = config_map("space", "a") | {"apiVersion": version, "kind": kind}
    live["metadata"] |= {"uid": "1", "labels": {"app": "a"}}
    urn = urn_of(f"{'core/v1' if version == 'v1' else version}:{kind}")

    _, _, inputs = reader(live).read(urn, "space/a", Struct(), NOTHING)

    metadata = {"name": "a", "namespace": "space"} | ({"labels": {"app": "a"}} if found else {})
    expected = {"apiVersion": version, "kind": kind, "metadata": metadata}
    assert from_struct(inputs) == expected | {key: live[key] for key in found}


def test_a_refresh_of_rendered_objects_wants_a_cluster_too():
    """Before anything else it is looked whether one answers (provider.go, Read)."""
    with pytest.raises(UnreachableError, match="PULUMI_K8S_DELETE_UNREACHABLE"):
        reader(unreachable="no kubeconfig", renders=True).read(
            urn_of("core/v1:ConfigMap"), "space/a", Struct(), NOTHING
        )
