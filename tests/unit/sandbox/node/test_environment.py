"""The environment of a program: values, fields of its pod, and keys of ConfigMaps and Secrets."""

import base64
from typing import Any

import httpx2
import pytest
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container
from lightkube.resources.core_v1 import ConfigMap, Pod, Secret

from sandbox.node import environment
from sandbox.node.environment import VariableError

POD = Pod.from_dict({"metadata": {"name": "details", "namespace": "bookinfo"}})
HELD: dict[tuple[type, str], Any] = {
    (ConfigMap, "settings"): ConfigMap(data={"colour": "red"}),
    (Secret, "login"): Secret(data={"word": base64.b64encode(b"open").decode()}),
    (Secret, "store"): Secret(
        data={
            "file": base64.b64encode(b"\xff\0").decode(),
            "word": base64.b64encode(b"open").decode(),
        }
    ),
}


class Client:
    """An API server with one ConfigMap and one Secret."""

    def get(self, kind: type, name: str, **_: object) -> Any:
        """Return one of them."""
        if (kind, name) in HELD:
            return HELD[kind, name]
        said = httpx2.Response(404, json={"message": "not found", "code": 404})
        raise ApiError(request=httpx2.Request("GET", "https://api"), response=said)


def variables(**fields: Any) -> dict[str, str]:
    """Return the variables of a container."""
    client: Any = Client()
    container = Container.from_dict({"name": "app", **fields})
    return environment.of(client, POD, container)


def test_values_come_from_where_they_are_said_to_be() -> None:
    """A variable's own value wins over all of a ConfigMap's."""
    source = {"configMapKeyRef": {"name": "settings", "key": "colour"}}
    word = {"secretKeyRef": {"name": "login", "key": "word"}}

    found = variables(
        envFrom=[
            {"prefix": "all_", "configMapRef": {"name": "settings"}},
            {"secretRef": {"name": "login"}},
        ],
        env=[
            {"name": "plain", "value": "1"},
            {"name": "pod", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "one", "valueFrom": source},
            {"name": "login", "valueFrom": word},
            {"name": "word", "value": "mine"},
        ],
    )

    assert found == {
        **{"all_colour": "red", "word": "mine", "plain": "1", "pod": "details"},
        **{"one": "red", "login": "open"},
    }


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"envFrom": [{"configMapRef": {"name": "none"}}]}, 'configmap "none" not found'),
        ({"envFrom": [{"secretRef": {"name": "none"}}]}, 'secret "none" not found'),
        (
            {"env": [{"name": "a", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k"}}}]},
            'secret "none" not found',
        ),
        (
            {"env": [{"name": "a", "valueFrom": {"secretKeyRef": {"name": "login", "key": "k"}}}]},
            "couldn't find key k in Secret bookinfo/login",
        ),
        (
            {"envFrom": [{"secretRef": {"name": "store"}}]},
            'secret "store": a variable can\'t hold the bytes of key file',
        ),
    ],
)
def test_what_is_missing_is_named(fields: dict[str, Any], why: str) -> None:
    """As a kubelet does."""
    with pytest.raises(VariableError) as refused:
        variables(**fields)

    assert str(refused.value) == why


def test_what_is_optional_may_be_missing() -> None:
    """Its variable isn't there."""
    key = {"name": "none", "key": "k", "optional": True}

    found = variables(
        envFrom=[{"configMapRef": {"name": "none", "optional": True}}],
        env=[{"name": "a", "valueFrom": {"configMapKeyRef": key}}],
    )

    assert found == {}


def test_other_keys_of_a_secret_may_be_binary() -> None:
    """A key store next to its password, say."""
    key = {"name": "store", "key": "word"}

    found = variables(env=[{"name": "word", "valueFrom": {"secretKeyRef": key}}])

    assert found == {"word": "open"}
