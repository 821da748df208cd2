"""The plugin as a program: its start, its end, and what it says without a cluster."""

import json
import signal

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2

from sandbox.kubernetes_plugin.properties import UNKNOWN
from sandbox.kubernetes_plugin.reading import from_struct
from sandbox.kubernetes_plugin.writing import to_struct
from tests.plugin.client import config_map, urn_of

MAP = urn_of("core/v1:ConfigMap")
PROVIDER = "urn:pulumi:test::plugin::pulumi:providers:kubernetes::k8s"
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: {context}
clusters:
- {{name: here, cluster: {{server: "https://127.0.0.1:1"}}}}
- {{name: there, cluster: {{server: "https://127.0.0.1:2"}}}}
contexts:
- {{name: here, context: {{cluster: here, user: me, namespace: mine}}}}
- {{name: there, context: {{cluster: there, user: me}}}}
users:
- {{name: me, user: {{token: t}}}}
"""


def test_it_says_that_it_is_a_stand_in(plugin):
    """Its schema does, and its version is the SDK's, which the engine asks for."""
    schema = json.loads(plugin.stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    assert "stand-in" in schema["description"]
    assert plugin.stub.GetPluginInfo(Empty()).version == schema["version"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(plugin, number):
    """The engine stops its plugins so."""
    plugin.process.send_signal(number)
    assert plugin.process.wait(5) == 0


def test_it_ends_when_the_engine_is_gone(plugin):
    """A killed engine leaves no plugin behind."""
    plugin.stop_engine()
    assert plugin.process.wait(20) == 0


def test_an_unreachable_cluster_can_be_previewed_but_not_changed(plugin):
    """The error names the reason."""
    plugin.configure(kubeconfig=KUBECONFIG.format(context="here"))
    inputs = plugin.check(MAP, {"apiVersion": "v1", "kind": "ConfigMap"})
    assert inputs["metadata"]["namespace"] == "mine"
    assert from_struct(plugin.create(MAP, inputs, preview=True).properties) == inputs
    with pytest.raises(grpc.RpcError, match="configured Kubernetes cluster is unreachable"):
        plugin.create(MAP, inputs)
    state = to_struct(inputs | {"__inputs": inputs})
    for call in (
        lambda: plugin.read(MAP, "mine/a", state, inputs),
        lambda: plugin.delete(MAP, "mine/a", state),
    ):
        with pytest.raises(grpc.RpcError, match="PULUMI_K8S_DELETE_UNREACHABLE"):
            call()


def test_unreachable_objects_leave_the_state_on_request(plugin):
    """DeleteUnreachable forgets them."""
    plugin.configure(kubeconfig=KUBECONFIG.format(context="here"), deleteUnreachable="true")
    inputs = config_map("mine")
    state = to_struct(inputs | {"__inputs": inputs})
    assert plugin.read(MAP, "mine/settings", state, inputs).id == ""
    plugin.delete(MAP, "mine/settings", state)


def test_objects_are_rendered_to_files_without_a_cluster(plugin, tmp_path):
    """RenderYamlToDirectory writes, rewrites and removes."""
    plugin.configure(renderYamlToDirectory=str(tmp_path))
    inputs = plugin.check(MAP, config_map("mine"))
    file = tmp_path / "1-manifest" / "v1-configmap-mine-settings.yaml"
    made = plugin.create(MAP, inputs)
    assert 'key: "1"' in file.read_text().replace("'", '"')
    state = plugin.update(MAP, made.properties, config_map("mine", key="2"))
    assert 'key: "2"' in file.read_text().replace("'", '"')
    plugin.delete(MAP, made.id, state)
    assert not file.exists()


def replaces(plugin, old, new):
    """Compare two Providers' arguments; give those that replace it."""
    request = provider_pb2.DiffRequest(urn=PROVIDER, olds=to_struct(old), news=to_struct(new))
    answer = plugin.stub.DiffConfig(request)
    return list(answer.diffs), list(answer.replaces)


HERE, THERE = (KUBECONFIG.format(context=name) for name in ("here", "there"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"kubeconfig": HERE}, {"kubeconfig": HERE}, ([], [])),
        ({"kubeconfig": HERE}, {"kubeconfig": THERE}, (["kubeconfig"], ["kubeconfig"])),
        (
            {"kubeconfig": HERE},
            {"kubeconfig": THERE, "context": "here"},
            (["context", "kubeconfig"], []),
        ),
        (
            {"kubeconfig": HERE, "clusterIdentifier": "a"},
            {"kubeconfig": THERE, "clusterIdentifier": "a"},
            (["kubeconfig"], []),
        ),
        (
            {"kubeconfig": HERE, "clusterIdentifier": "a"},
            {"kubeconfig": HERE, "clusterIdentifier": "b"},
            (["clusterIdentifier"], ["clusterIdentifier"]),
        ),
        ({"kubeconfig": HERE}, {"kubeconfig": HERE, "clusterIdentifier": "b"}, None),
        ({"kubeconfig": HERE}, {"kubeconfig": UNKNOWN}, (["kubeconfig"], ["kubeconfig"])),
        (
            {"kubeconfig": HERE, "clusterIdentifier": "a"},
            {"kubeconfig": UNKNOWN, "context": "there", "clusterIdentifier": "b"},
            (["kubeconfig"], ["clusterIdentifier", "kubeconfig"]),
        ),
        ({}, {"enablePatchForce": "true"}, (["enablePatchForce"], [])),
    ],
)
def test_a_provider_is_replaced_with_its_cluster(plugin, old, new, expected):
    """As provider/pkg/provider/provider_diffconfig_test.go has it."""
    assert replaces(plugin, old, new) == (expected or (["clusterIdentifier"], []))


@pytest.mark.parametrize(
    ("args", "property_name"),
    [
        ({"renderYamlToDirectory": "x", "context": "y"}, "context"),
        ({"alwaysRender": "true"}, "alwaysRender"),
        ({"strictMode": "true", "context": "c"}, "kubeconfig"),
    ],
)
def test_settings_that_clash_are_refused(plugin, args, property_name):
    """As provider/pkg/provider/provider_checkconfig_test.go has it."""
    request = provider_pb2.CheckRequest(urn=PROVIDER, news=to_struct(args))
    (failure,) = plugin.stub.CheckConfig(request).failures
    assert failure.property == property_name


@pytest.mark.parametrize(
    ("call", "request_"),
    [
        ("Construct", provider_pb2.ConstructRequest(type="kubernetes:helm.sh/v4:Chart")),
        ("Invoke", provider_pb2.InvokeRequest(tok="kubernetes:kustomize:directory")),
    ],
)
def test_what_is_missing_is_named(plugin, call, request_):
    """One clear message, which says that this is the stand-in."""
    with pytest.raises(grpc.RpcError, match="stand-in") as caught:
        getattr(plugin.stub, call)(request_)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_yaml_is_decoded_with_a_namespace(plugin):
    """Namespaced kinds get the default one."""
    text = "apiVersion: v1\nkind: ConfigMap\n---\napiVersion: v1\nkind: Namespace\n"
    request = provider_pb2.InvokeRequest(
        tok="kubernetes:yaml:decode", args=to_struct({"text": text, "defaultNamespace": "x"})
    )
    answer = from_struct(getattr(plugin.stub.Invoke(request), "return"))["result"]
    assert [obj.get("metadata") for obj in answer] == [{"namespace": "x"}, None]
