"""Inputs that mean the same are spelled the same."""

import pytest

from sandbox.kubernetes_plugin.normalize import normalize
from sandbox.kubernetes_plugin.properties import UNKNOWN
from sandbox.kubernetes_plugin.quantity import canonical


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("0.5", "500m"),
        ("0.1", "100m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Gi", "512Mi"),
        ("0.5Mi", "512Ki"),
        ("1000Ki", "1000Ki"),
        ("1000000", "1M"),
        ("128974848", "128974848"),
        ("1e3", "1e3"),
        ("1000e0", "1e3"),
        ("0", "0"),
        ("-1.5", "-1500m"),
        ("100k", "100k"),
        ("1.5", "1500m"),
        ("0.0001Ki", "102400u"),
    ],
)
def test_quantities_are_canonical(given, expected):
    """As apimachinery's resource.Quantity prints them."""
    assert canonical(given) == expected


def test_a_word_is_no_quantity():
    """The error names the value."""
    with pytest.raises(ValueError, match="'lots'"):
        canonical("lots")


def deployment(container):
    """Make a Deployment around one container."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"args": []}, {}),
        ({"tty": False}, {}),
        ({"unheardOf": 1}, {}),
        ({"env": [{"name": "a", "value": ""}]}, {"env": [{"name": "a"}]}),
        ({"securityContext": {}}, {"securityContext": {}}),
        ({"resources": {}}, {"resources": {}}),
        ({"resources": {"limits": {"cpu": 2}}}, {"resources": {"limits": {"cpu": "2"}}}),
        (
            {"readinessProbe": {"initialDelaySeconds": 0, "httpGet": {"port": "http"}}},
            {"readinessProbe": {"httpGet": {"port": "http"}}},
        ),
    ],
)
def test_built_in_kinds_go_through_their_types(given, expected):
    """Empty and unknown fields vanish, pointers and structs stay (clients/unstructured.go)."""
    assert normalize(deployment(given)) == deployment(expected)


def test_zero_replicas_stay():
    """A pointer to zero isn't empty."""
    obj = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 0}}
    assert normalize(obj) == obj


def test_an_object_that_does_not_fit_is_left_alone():
    """The API server's message is the better one."""
    obj = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": "80", "externalIPs": []}}
    assert normalize(obj) == obj


def test_an_object_with_unknowns_is_left_alone():
    """It can't be given a type yet."""
    obj = deployment({"name": UNKNOWN, "args": []})
    assert normalize(obj) == obj


def test_custom_resources_are_left_alone():
    """Nobody knows their types."""
    obj = {"apiVersion": "example.com/v1", "kind": "Foo", "spec": {"a": [], "b": ""}}
    assert normalize(obj) == obj


def test_read_only_metadata_is_removed():
    """An exported manifest gives no diff by its UID."""
    metadata = {"name": "a", "uid": "1", "resourceVersion": "2", "creationTimestamp": None}
    obj = {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": metadata}
    assert normalize(obj)["metadata"] == {"name": "a"}


def test_string_data_becomes_data():
    """The API server answers so, and a diff compares with its answer."""
    secret = {"apiVersion": "v1", "kind": "Secret", "data": {"a": "MQ=="}, "stringData": {"b": "2"}}
    assert normalize(secret) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "data": {"a": "MQ==", "b": "Mg=="},
    }


def test_wrapped_base64_is_joined():
    """A trailing line break is no change."""
    secret = {"apiVersion": "v1", "kind": "Secret", "data": {"a": "MQ==\n", "b": "not base64!"}}
    assert normalize(secret)["data"] == {"a": "MQ==", "b": "not base64!"}


def test_a_crd_loses_what_the_server_drops():
    """preserveUnknownFields: false, and a status."""
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": {"preserveUnknownFields": False, "group": "a"},
        "status": {},
    }
    assert normalize(crd)["spec"] == {"group": "a"}
    assert "status" not in normalize(crd)


def test_the_argument_stays_as_it_is():
    """Secrets are marked later by what the program gave."""
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"b": "2"}}
    normalize(secret)
    assert secret["stringData"] == {"b": "2"}
