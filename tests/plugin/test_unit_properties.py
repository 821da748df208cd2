"""Property values between the engine's form and plain Python."""

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kubernetes_plugin.properties import (
    OUTPUT,
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_MARK,
    Secret,
    has_secret,
    has_unknown,
    mark_secrets,
    to_object,
)
from sandbox.kubernetes_plugin.reading import Properties, from_struct
from sandbox.kubernetes_plugin.writing import to_struct, write_state

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(UNKNOWN)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.builds(Secret, inner),
)


@given(st.dictionaries(st.text(), values))
def test_values_survive_the_way_to_the_engine_and_back(properties):
    """Whatever the plugin sends, it reads back the same."""
    assert from_struct(to_struct(properties)) == properties


def test_whole_numbers_are_integers():
    """The engine knows floats only, but a replica count must be sent as 3, not 3.0."""
    assert repr(from_struct(to_struct({"a": 3.0, "b": 0.5}))) in (
        "{'a': 3, 'b': 0.5}",
        "{'b': 0.5, 'a': 3}",
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"value": "a"}, "a"),
        ({"value": "a", "secret": True}, Secret("a")),
        ({}, UNKNOWN),
        ({"secret": True}, Secret(UNKNOWN)),
    ],
)
def test_output_values_are_unwrapped(fields, expected):
    """An output value is its value, unknown without one, secret when marked."""
    struct = to_struct({"out": {SIGNATURE: OUTPUT, **fields}})
    assert from_struct(struct) == {"out": expected}


def test_an_object_has_no_marks():
    """What is sent to the API server holds the values of secrets, and dashed keys."""
    given_values = {"a": Secret({"b": [Secret(1)]}), "x_kubernetes_map_type": "atomic"}
    assert to_object(given_values) == {"a": {"b": [1]}, "x-kubernetes-map-type": "atomic"}


def test_state_spells_dashed_keys_with_underscores():
    """The SDK's classes can't have attributes with dashes."""
    given_values = {"x-kubernetes-list-type": "set", "a": [{"x-kubernetes-map-type": "atomic"}]}
    state = Struct()
    write_state(state, given_values)
    assert from_struct(state) == {
        "x_kubernetes_list_type": "set",
        "a": [{"x_kubernetes_map_type": "atomic"}],
    }


def test_only_keys_are_spelled_otherwise():
    """A description may speak of such a field, and a longer key is another one."""
    given_values = {"x-kubernetes-list-type-of": "x-kubernetes-list-type", "a": ["x-kubernetes-x"]}
    state = Struct()
    write_state(state, given_values)
    assert from_struct(state) == given_values
    spoken = to_struct({"description": "x_kubernetes_list_type", "x_kubernetes_map_type": "atomic"})
    assert Properties(spoken).object == {
        "description": "x_kubernetes_list_type",
        "x-kubernetes-map-type": "atomic",
    }


def test_unknown_and_secret_are_found_at_any_depth():
    """A preview must notice one unknown leaf."""
    assert has_unknown({"a": [Secret({"b": UNKNOWN})]})
    assert not has_unknown({"a": [Secret({"b": "x"})]})
    assert has_secret({"a": [{"b": Secret(1)}]})
    assert to_struct({"a": UNKNOWN}).fields["a"].string_value == UNKNOWN_MARK


def test_secrets_are_marked_key_by_key_but_arrays_whole():
    """One secret doesn't hide a whole map (provider/pkg/provider/provider.go, annotateSecrets)."""
    outputs = {"a": {"b": 1, "c": 2}, "d": [1, 2]}
    mark_secrets(outputs, {"a": {"b": Secret(1)}, "d": [1, Secret(2)]})
    assert outputs == {"a": {"b": Secret(1), "c": 2}, "d": Secret([1, 2])}


def test_the_data_of_a_secret_is_always_secret():
    """A Secret's data is hidden though the program gave it in plain."""
    outputs = {"kind": "Secret", "data": {"a": "b"}, "metadata": {"name": "x"}}
    mark_secrets(outputs, {"data": {"a": "b"}})
    assert outputs == {"kind": "Secret", "data": Secret({"a": "b"}), "metadata": {"name": "x"}}
