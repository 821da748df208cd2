"""Reading and writing what the engine knows: at once, or shared with what was read before."""

import copy

from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kubernetes_plugin import properties
from sandbox.kubernetes_plugin.properties import UNKNOWN, Secret, to_object
from sandbox.kubernetes_plugin.reading import Properties, from_struct
from sandbox.kubernetes_plugin.recent import Recent
from sandbox.kubernetes_plugin.state import checkpoint, read
from sandbox.kubernetes_plugin.writing import to_struct, write_state

keys = st.sampled_from(["a", "b", "kind", "x-kubernetes-list-type", "x_kubernetes_map_type"])
scalars = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "Secret", UNKNOWN])
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=4)
        | st.builds(Secret, inner)
    ),
)
objects = st.dictionaries(keys, values, max_size=4)


def in_order(item):
    """Show a value with its types, its keys sorted."""
    if isinstance(item, dict):
        return sorted((key, in_order(value)) for key, value in item.items())
    return [in_order(value) for value in item] if isinstance(item, list | tuple) else repr(item)


def written(values, like=None):
    """Write a state's values."""
    struct = Struct()
    write_state(struct, values, like)
    return struct


@given(objects)
def test_it_reads_the_object_and_its_marks(values):
    """As the two steps do, whatever is marked."""
    struct = to_struct(values)
    assert in_order(Properties(struct).object) == in_order(to_object(from_struct(struct)))


@given(objects, objects)
def test_sharing_changes_nothing(values, others):
    """The object is the same, with true and 1 apart, however it was read."""
    struct = to_struct(values)
    read = Properties(struct, Properties(to_struct(others))).object
    alone = Properties(struct).object
    assert in_order(read) == in_order(alone)


@given(objects, objects, objects)
def test_sharing_changes_nothing_of_a_state(live, inputs, others):
    """The inputs and the live object are each as without the other, whatever is marked."""
    state = to_struct(live | {"__inputs": inputs})
    alone = [Properties(to_struct(values)).object for values in (inputs, live)]
    assert in_order(read(state)) == in_order(alone)
    assert in_order(read(state, Properties(to_struct(others)))) == in_order(alone)


@given(objects, objects)
def test_sharing_changes_nothing_of_what_is_written(values, others):
    """The struct is the same, with true and 1 apart, whatever it was copied from."""
    plain = properties.copy(values)
    like = Properties(to_struct(others))
    assert written(plain, like) == written(plain)
    assert written(like.object, like) == written(like.object)


def test_what_neighbours_have_in_common_is_read_once():
    """A CRD's versions have one large schema each, and it is mostly the same."""
    versions = [{"name": name, "schema": {"type": "object"}} for name in ("v1", "v1beta1")]
    first, second = Properties(to_struct({"versions": versions})).object["versions"]
    assert [first, second] == versions
    assert second["schema"] is first["schema"]


def test_true_is_not_written_as_one():
    """Python takes the two for equal; a state that did would hide somebody's edit."""
    like = Properties(to_struct({"a": {"b": True, "c": [1]}, "d": "e"}))
    values = {"a": {"b": 1, "c": [True]}, "d": "e"}
    assert written(values, like) == written(values)


def test_what_is_the_same_is_shared():
    """In the spelling of the state, too."""
    schema = {"properties": {"a": {"x-kubernetes-list-type": "set", "type": "array"}}}
    obj = {"kind": "Foo", "spec": {"versions": [{"schema": schema, "name": "v1"}]}}
    live = copy.deepcopy(obj) | {"status": {}}
    news = Properties(to_struct(obj))
    state = checkpoint(obj, live, news, initial_version="v1", manager="m")
    inputs, seen = read(state, news)
    assert inputs == obj
    assert {key: seen[key] for key in live} == live
    schema = from_struct(state)["__inputs"]["spec"]["versions"][0]["schema"]
    assert schema["properties"]["a"] == {"x_kubernetes_list_type": "set", "type": "array"}
    assert seen["spec"] is news.object["spec"]
    assert Properties(to_struct(obj), news).object["spec"] is news.object["spec"]


def test_what_was_read_last_is_remembered():
    """Check, Diff and Create of one resource read its inputs once."""
    recent = Recent()
    values = {"kind": "Foo", "spec": {"a": [1]}}
    first = recent.read("urn-a", to_struct(values))
    assert recent.read("urn-a", to_struct(values)).object["spec"] is first.object["spec"]
    assert recent.read("urn-b", to_struct(values)).object["spec"] is not first.object["spec"]
    changed = recent.read("urn-a", to_struct(values | {"spec": {"a": [2]}}))
    assert changed.object["spec"] == {"a": [2]}
    assert first.object == values
