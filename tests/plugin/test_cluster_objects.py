"""The life of objects on a real API server, spoken to as the engine does."""

import time

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto.provider_pb2 import CheckRequest, DiffResponse, PropertyDiff

from sandbox.kubernetes_plugin.properties import UNKNOWN, Secret
from sandbox.kubernetes_plugin.reading import from_struct
from sandbox.kubernetes_plugin.writing import to_struct
from tests.plugin.client import Plugin, config_map, partial, urn_of

pytestmark = pytest.mark.cluster
MAP = urn_of("core/v1:ConfigMap")
DEPLOYMENT = urn_of("apps/v1:Deployment")


def deployment(namespace, *, image="nginx", replicas=1, annotations=None, **pod):
    """Make the inputs of a Deployment; its Pods run on the fake nodes."""
    labels = {"app": "thing"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "thing", "namespace": namespace, "annotations": annotations or {}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": image}], **pod},
            },
        },
    }


UNSCHEDULABLE = {"nodeSelector": {"no": "such"}}


def test_an_object_is_created_compared_changed_and_deleted(cluster_plugin, namespace, kubeconfig):
    """The whole life of a ConfigMap whose data may change."""
    plugin = cluster_plugin
    plugin.configure(enableConfigMapMutable="true", kubeconfig=str(kubeconfig))
    inputs = plugin.check(MAP, config_map(namespace))
    made = plugin.create(MAP, inputs)
    state = from_struct(made.properties)
    assert made.id == f"{namespace}/settings"
    assert state["__inputs"] == inputs
    assert state["__initialApiVersion"] == "v1"
    assert state["__fieldManager"].startswith("pulumi-kubernetes-")
    assert plugin.diff(MAP, made.properties, inputs).changes == DiffResponse.DIFF_NONE

    changed = config_map(namespace, key="2")
    found = plugin.diff(MAP, made.properties, changed)
    assert {p: c.kind for p, c in found.detailedDiff.items()} == {"data.key": PropertyDiff.UPDATE}
    assert not found.replaces

    updated = plugin.update(MAP, made.properties, changed)
    assert from_struct(updated)["data"] == {"key": "2"}
    managers = from_struct(updated)["metadata"]["managedFields"]
    assert [(m["manager"], m["operation"]) for m in managers] == [
        (state["__fieldManager"], "Apply")
    ]

    plugin.delete(MAP, made.id, updated)
    assert plugin.read(MAP, made.id, updated, changed).id == ""
    plugin.delete(MAP, made.id, updated)


def test_immutable_data_replaces_and_deletes_first(cluster_plugin, namespace):
    """A ConfigMap named by the user can't exist twice."""
    made = cluster_plugin.create(MAP, config_map(namespace))
    found = cluster_plugin.diff(MAP, made.properties, config_map(namespace, key="2"))
    assert found.replaces == ["data.key"]
    assert found.deleteBeforeReplace


def test_an_autonamed_object_is_replaced_beside_the_old_one(cluster_plugin, namespace):
    """The new name is random, so both can exist."""
    unnamed = config_map(namespace)
    del unnamed["metadata"]["name"]
    inputs = cluster_plugin.check(MAP, unnamed)
    assert inputs["metadata"]["name"].startswith("thing-")
    assert inputs["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    made = cluster_plugin.create(MAP, inputs)

    again = cluster_plugin.check(MAP, unnamed | {"data": {"key": "2"}}, old=inputs)
    assert again["metadata"]["name"] == inputs["metadata"]["name"]
    found = cluster_plugin.diff(MAP, made.properties, again)
    assert found.replaces == ["data.key"]
    assert not found.deleteBeforeReplace


def test_names_follow_the_seed_and_the_users_choice(cluster_plugin):
    """A preview and its update choose one name; a proposed name wins."""
    unnamed = {"apiVersion": "v1", "kind": "ConfigMap"}
    names = {
        cluster_plugin.check(MAP, unnamed, randomSeed=b"seed")["metadata"]["name"] for _ in "ab"
    }
    assert len(names) == 1
    options = CheckRequest.AutonamingOptions(
        proposed_name="mine", mode=CheckRequest.AutonamingOptions.Mode.ENFORCE
    )
    assert cluster_plugin.check(MAP, unnamed, autonaming=options)["metadata"]["name"] == "mine"
    disabled = CheckRequest.AutonamingOptions(mode=CheckRequest.AutonamingOptions.Mode.DISABLE)
    with pytest.raises(grpc.RpcError, match="autonaming is disabled"):
        cluster_plugin.check(MAP, unnamed, autonaming=disabled)


def test_a_namespace_is_filled_in_where_one_belongs(cluster_plugin):
    """Namespaced kinds get `default`, in place of one that isn't known yet, too; others get none.

    That is what upstream's GetNamespace sees in a computed value
    (provider/pkg/provider/provider.go, Check).
    """
    named = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    assert cluster_plugin.check(MAP, named)["metadata"]["namespace"] == "default"
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "a"},
    }
    urn = urn_of("rbac.authorization.k8s.io/v1:ClusterRole")
    assert "namespace" not in cluster_plugin.check(urn, role)["metadata"]
    late = named | {"metadata": {"name": "a", "namespace": UNKNOWN}}
    assert cluster_plugin.check(MAP, late)["metadata"]["namespace"] == "default"


def test_a_preview_is_a_dry_run(cluster_plugin, namespace):
    """The server's defaults show, and nothing is created."""
    made = cluster_plugin.create(DEPLOYMENT, deployment(namespace), preview=True)
    state = from_struct(made.properties)
    assert made.id == ""
    assert state["spec"]["strategy"]["type"] == "RollingUpdate"
    assert "status" not in state
    assert cluster_plugin.read(DEPLOYMENT, f"{namespace}/thing").id == ""


def test_a_preview_shows_what_the_server_refuses(cluster_plugin, namespace):
    """A bad value fails the preview, not the update."""
    wrong = deployment(namespace, replicas=-1)
    with pytest.raises(grpc.RpcError, match="must be greater than or equal to 0"):
        cluster_plugin.create(DEPLOYMENT, wrong, preview=True)


@pytest.mark.parametrize(
    "inputs",
    [
        config_map("no-such-namespace"),
        config_map("default", key=UNKNOWN),
        config_map("default", "kube-root-ca.crt"),
        {"apiVersion": "example.com/v9", "kind": "Foo", "metadata": {"name": "a"}},
    ],
    ids=["missing namespace", "unknown value", "exists already", "missing kind"],
)
def test_a_preview_that_cannot_tell_more_passes(cluster_plugin, inputs):
    """It answers with the inputs."""
    made = cluster_plugin.create(MAP, inputs, preview=True)
    assert from_struct(made.properties) == inputs


def test_an_object_that_exists_is_not_taken_over(cluster_plugin, namespace, kubeconfig):
    """Unless the provider says so; the error says what can be done."""
    cluster_plugin.create(MAP, config_map(namespace))
    with pytest.raises(grpc.RpcError, match="upsertExistingObjects"):
        cluster_plugin.create(MAP, config_map(namespace, key="2"))

    cluster_plugin.configure(kubeconfig=str(kubeconfig), upsertExistingObjects="true")
    forced = config_map(namespace, key="2")
    forced["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    made = cluster_plugin.create(MAP, forced)
    assert from_struct(made.properties)["data"] == {"key": "2"}


def test_a_conflict_names_the_other_manager(cluster_plugin, namespace, kubeconfig):
    """The state keeps the object; patchForce takes the field."""
    made = cluster_plugin.create(MAP, config_map(namespace))
    other = Plugin()
    other.configure(kubeconfig=str(kubeconfig), upsertExistingObjects="true")
    theirs = config_map(namespace, key="theirs")
    theirs["metadata"]["annotations"] = {
        "pulumi.com/patchForce": "true",
        "pulumi.com/patchFieldManager": "somebody",
    }
    other.create(MAP, theirs)
    other.stop()

    changed = config_map(namespace, key="2")
    with pytest.raises(grpc.RpcError) as caught:
        cluster_plugin.update(MAP, made.properties, changed)
    assert 'conflict with "somebody"' in caught.value.details()
    assert partial(caught.value).id == f"{namespace}/settings"

    changed["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    assert from_struct(cluster_plugin.update(MAP, made.properties, changed))["data"] == {"key": "2"}


def test_secrets_stay_secret(cluster_plugin, namespace):
    """In the state, in the inputs, and after a refresh."""
    inputs = config_map(namespace, key=Secret("hidden"), other="plain")
    made = cluster_plugin.create(MAP, inputs)
    state = from_struct(made.properties)
    expected = {"key": Secret("hidden"), "other": "plain"}
    assert state["data"] == expected
    assert state["__inputs"]["data"] == expected
    read = cluster_plugin.read(MAP, made.id, made.properties, inputs)
    assert from_struct(read.inputs)["data"] == expected
    assert not cluster_plugin.log.said("hidden")


def test_a_secrets_string_data_is_one_with_its_data(cluster_plugin, namespace):
    """No diff, though the server answers base64; and all of it is secret."""
    urn = urn_of("core/v1:Secret")
    given = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": namespace},
        "stringData": {"a": Secret("b")},
    }
    inputs = cluster_plugin.check(urn, given)
    assert inputs["data"] == Secret({"a": "Yg=="})
    made = cluster_plugin.create(urn, inputs)
    assert from_struct(made.properties)["data"] == Secret({"a": "Yg=="})
    assert cluster_plugin.diff(urn, made.properties, given).changes == DiffResponse.DIFF_NONE


def test_a_refresh_sees_drift_and_disappearance(cluster_plugin, namespace):
    """Only in fields that the program gives."""
    inputs = config_map(namespace)
    made = cluster_plugin.create(MAP, inputs)
    drifted = config_map(namespace, key="drifted", more="ignored")
    cluster_plugin.update(MAP, made.properties, drifted)

    read = cluster_plugin.read(MAP, made.id, made.properties, inputs)
    assert from_struct(read.inputs) == config_map(namespace, key="drifted")
    cluster_plugin.delete(MAP, made.id, made.properties)
    assert cluster_plugin.read(MAP, made.id, made.properties, inputs).id == ""


def test_an_import_finds_the_inputs(cluster_plugin, namespace):
    """Everything but what only the server writes."""
    made = cluster_plugin.create(MAP, config_map(namespace))
    read = cluster_plugin.read(MAP, made.id)
    assert from_struct(read.inputs) == config_map(namespace)


def test_a_deployment_is_awaited(cluster_plugin, namespace):
    """Its Pods are there when the create ends, and a status line said what it waited for."""
    made = cluster_plugin.create(DEPLOYMENT, deployment(namespace, replicas=2), timeout=60)
    state = from_struct(made.properties)
    assert state["status"]["readyReplicas"] == 2
    assert cluster_plugin.log.said("Waiting for app ReplicaSet")

    changed = deployment(namespace, image="nginx:2", replicas=2)
    updated = from_struct(cluster_plugin.update(DEPLOYMENT, made.properties, changed, timeout=60))
    assert updated["status"]["updatedReplicas"] == 2
    assert updated["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"


def test_a_timeout_keeps_the_object_in_the_state(cluster_plugin, namespace):
    """And says why it isn't ready."""
    inputs = deployment(namespace, **UNSCHEDULABLE)
    with pytest.raises(grpc.RpcError) as caught:
        cluster_plugin.create(DEPLOYMENT, inputs, timeout=2)
    kept = partial(caught.value)
    assert caught.value.code() == grpc.StatusCode.UNKNOWN
    assert "'thing' timed out waiting to be Ready" in kept.reasons[0]
    assert any("Minimum number of live Pods" in reason for reason in kept.reasons)
    assert from_struct(kept.properties)["__inputs"] == inputs

    with pytest.raises(grpc.RpcError) as caught:
        cluster_plugin.read(DEPLOYMENT, kept.id, kept.properties, inputs)
    assert from_struct(partial(caught.value).inputs)["spec"] == inputs["spec"]


def test_skip_await_and_timeout_annotations_are_obeyed(cluster_plugin, namespace):
    """A skipped wait ends at once, an annotated one in its time."""
    began = time.monotonic()
    skipped = deployment(namespace, annotations={"pulumi.com/skipAwait": "true"}, **UNSCHEDULABLE)
    made = cluster_plugin.create(DEPLOYMENT, skipped)
    limited = deployment(namespace, annotations={"pulumi.com/timeoutSeconds": "1"}, **UNSCHEDULABLE)
    with pytest.raises(grpc.RpcError, match="timed out"):
        cluster_plugin.update(DEPLOYMENT, made.properties, limited)
    assert time.monotonic() - began < 15


def test_cancel_ends_a_wait_at_once(cluster_plugin, namespace):
    """And keeps the object in the state."""
    outcome = cluster_plugin.in_background(
        cluster_plugin.create, DEPLOYMENT, deployment(namespace, **UNSCHEDULABLE)
    )
    cluster_plugin.log.wait_for("Waiting for app ReplicaSet")
    began = time.monotonic()
    cluster_plugin.stub.Cancel(Empty())
    outcome.join(10)
    assert time.monotonic() - began < 0.5
    assert "Resource operation was cancelled" in outcome.error.details()
    assert partial(outcome.error).id == f"{namespace}/thing"


def test_a_finalizer_that_nobody_removes_is_named(cluster_plugin, namespace):
    """The delete times out, and the object stays in the state."""
    inputs = config_map(namespace)
    inputs["metadata"]["finalizers"] = ["example.com/never"]
    made = cluster_plugin.create(MAP, inputs)
    with pytest.raises(grpc.RpcError, match="timed out"):
        cluster_plugin.delete(MAP, made.id, made.properties, timeout=1)
    assert cluster_plugin.log.said("example.com/never")
    cluster_plugin.update(MAP, made.properties, config_map(namespace))


def test_a_patch_resource_gives_its_fields_back(cluster_plugin, namespace):
    """The object of others stays as it was."""
    urn = urn_of("core/v1:ConfigMapPatch")
    cluster_plugin.create(MAP, config_map(namespace))
    patched = cluster_plugin.create(urn, config_map(namespace, more="1"))
    assert from_struct(patched.properties)["data"] == {"key": "1", "more": "1"}
    cluster_plugin.delete(urn, patched.id, patched.properties)
    left = from_struct(cluster_plugin.read(MAP, f"{namespace}/settings").inputs)
    assert left["data"] == {"key": "1"}


def test_ignored_fields_are_left_to_their_owner(cluster_plugin, namespace):
    """An update for another reason doesn't set them back."""
    annotations = {"pulumi.com/skipAwait": "true"}
    made = cluster_plugin.create(
        DEPLOYMENT, deployment(namespace, replicas=1, annotations=annotations)
    )
    state = cluster_plugin.update(
        DEPLOYMENT, made.properties, deployment(namespace, replicas=3, annotations=annotations)
    )
    changed = deployment(namespace, image="x:2", replicas=1, annotations=annotations)
    found = cluster_plugin.diff(DEPLOYMENT, state, changed, ignore=["spec.replicas"])
    assert list(found.detailedDiff) == ["spec.template.spec.containers[0].image"]
    after = cluster_plugin.update(DEPLOYMENT, state, changed, ignore=["spec.replicas"])
    assert from_struct(after)["spec"]["replicas"] == 3
    # As it was sent, so it is kept (provider.go, Update: `newInputs` is what await.Update changes).
    assert from_struct(after)["__inputs"]["spec"]["replicas"] == 3


def test_a_large_crd_and_its_object(cluster_plugin, namespace):
    """A CRD of 100 kB is awaited by waitFor; its kind is known at once; it is updated whole."""
    properties = {f"field{i}": {"type": "string", "description": "word " * 16} for i in range(900)}
    group = f"{namespace}.example.com"
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"foos.{group}",
            "annotations": {"pulumi.com/waitFor": "condition=Established"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Foo", "plural": "foos"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {
                                    "type": "object",
                                    "properties": properties,
                                    "x_kubernetes_preserve_unknown_fields": True,
                                }
                            },
                        }
                    },
                }
            ],
        },
    }
    assert to_struct(crd).ByteSize() > 100_000
    urn = urn_of("apiextensions.k8s.io/v1:CustomResourceDefinition")
    inputs = cluster_plugin.check(urn, crd)
    made = cluster_plugin.create(urn, inputs, timeout=60)
    try:
        assert cluster_plugin.diff(urn, made.properties, crd).changes == DiffResponse.DIFF_NONE
        foo_urn = urn_of(f"{group}/v1:Foo")
        foo = {
            "apiVersion": f"{group}/v1",
            "kind": "Foo",
            "metadata": {"name": "a", "namespace": namespace},
            "spec": {"field1": "x"},
        }
        kept = cluster_plugin.create(foo_urn, foo)
        properties["field1"]["description"] = "changed"
        updated = cluster_plugin.update(urn, made.properties, crd)
        spec = from_struct(updated)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        spec = spec["properties"]["spec"]
        assert spec["properties"]["field1"]["description"] == "changed"
        assert spec["x_kubernetes_preserve_unknown_fields"] is True
        assert cluster_plugin.read(foo_urn, kept.id, kept.properties, foo).id == kept.id
        cluster_plugin.delete(foo_urn, kept.id, kept.properties)
    finally:
        cluster_plugin.delete(urn, made.id, made.properties)


def test_a_wait_for_a_field_ends_when_it_is_set(cluster_plugin, namespace):
    """As the injector's caBundle: somebody else writes it."""
    inputs = config_map(namespace)
    inputs["metadata"]["annotations"] = {"pulumi.com/waitFor": "jsonpath={.data.late}=yes"}
    outcome = cluster_plugin.in_background(cluster_plugin.create, MAP, inputs, timeout=30)
    cluster_plugin.log.wait_for("selected nothing")
    patch = config_map(namespace, late="yes")
    cluster_plugin.create(urn_of("core/v1:ConfigMapPatch"), patch)
    outcome.join(10)
    assert from_struct(outcome.answer.properties)["data"]["late"] == "yes"


def test_a_missing_kind_is_tried_again_then_explained(cluster_plugin, namespace):
    """A CRD may come a moment later; cancelling ends the tries."""
    foo = {
        "apiVersion": "nobody.example.com/v1",
        "kind": "Foo",
        "metadata": {"name": "a", "namespace": namespace},
    }
    outcome = cluster_plugin.in_background(
        cluster_plugin.create, urn_of("nobody.example.com/v1:Foo"), foo
    )
    cluster_plugin.log.wait_for("Retry #1; creation failed: no matches for kind")
    cluster_plugin.stub.Cancel(Empty())
    outcome.join(10)
    assert "Verify that any required CRDs have been created" in outcome.error.details()
