"""What Check adds to an object's inputs."""

from sandbox.kubernetes_plugin.checking import Checker
from sandbox.kubernetes_plugin.connection import Connection
from sandbox.kubernetes_plugin.engine import Engine
from sandbox.kubernetes_plugin.properties import UNKNOWN
from sandbox.kubernetes_plugin.reading import Properties, from_struct
from sandbox.kubernetes_plugin.settings import Settings
from sandbox.kubernetes_plugin.writing import to_struct

URN = "urn:pulumi:dev::mesh::kubernetes:core/v1:ConfigMap::a"
LABEL = "app.kubernetes.io/managed-by"
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


def labels(old=None):
    """Check a ConfigMap as it is applied from the client's side; give its labels."""
    engine = Engine(None)
    connection = Connection(engine)
    connection.configure(
        Settings.read(
            {
                "kubernetes:config:enableServerSideApply": "false",
                "kubernetes:config:renderYamlToDirectory": "nowhere",
            }
        )
    )
    inputs = Checker(engine, connection).check(
        URN, to_struct(old or {}), Properties(to_struct(MAP)), seed=b"", autonaming=None
    )
    return from_struct(inputs)["metadata"].get("labels")


def test_what_is_applied_from_the_client_is_labelled(monkeypatch):
    """With what the environment names; what exists without the label stays without it.

    As provider/pkg/metadata/labels.go, TrySetManagedByLabel and HasManagedByLabel.
    """
    assert labels() == {LABEL: "pulumi"}
    assert labels(MAP) is None

    monkeypatch.setenv("PULUMI_KUBERNETES_MANAGED_BY_LABEL", "platform")
    assert labels() == {LABEL: "platform"}
    for value, kept in (("pulumi", None), ("platform", "platform"), (UNKNOWN, "platform")):
        old = MAP | {"metadata": {"name": "a", "labels": {LABEL: value}}}
        assert labels(old) == (kept and {LABEL: kept})
