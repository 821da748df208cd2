"""Reading what the engine sent: at once, or shared with what was read before."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from sandbox.kubernetes_plugin.properties import (
    UNKNOWN,
    Properties,
    Secret,
    from_struct,
    to_object,
    to_state,
    to_struct,
)
from sandbox.kubernetes_plugin.state import checkpoint, read_like, split

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


@given(objects)
def test_it_reads_the_object_and_its_marks(values):
    """As the two steps do, whatever is marked."""
    struct = to_struct(values)
    assert repr(Properties(struct).object) == repr(to_object(from_struct(struct)))


@given(objects, objects)
def test_sharing_changes_nothing(values, others):
    """The object is the same, with true and 1 apart, however it was read."""
    struct = to_struct(values)
    read = Properties(struct, Properties(to_struct(others))).object
    alone = Properties(struct).object
    assert read == alone
    assert sorted(map(repr, read.values())) == sorted(map(repr, alone.values()))


def test_what_is_the_same_is_shared():
    """In the spelling of the state, too."""
    schema = {"properties": {"a": {"x-kubernetes-list-type": "set", "type": "array"}}}
    obj = {"kind": "Foo", "spec": {"versions": [{"schema": schema, "name": "v1"}]}}
    live = copy.deepcopy(obj) | {"status": {}}
    state = checkpoint(obj, live, {}, initial_version="v1", manager="m")
    news = Properties(to_struct(obj))
    inputs, seen = split(read_like(state, news))
    assert inputs == obj
    assert {key: seen[key] for key in live} == live
    assert from_struct(state)["__inputs"] == to_state(obj)
    assert Properties(state, Properties(state)).object["spec"] is not seen["spec"]
    assert Properties(to_struct(obj), news).object["spec"] is news.object["spec"]
