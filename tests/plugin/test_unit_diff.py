"""What counts as a change, and what replaces an object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto.provider_pb2 import PropertyDiff

from sandbox.kubernetes_plugin import paths
from sandbox.kubernetes_plugin.diff import (
    detailed_diff,
    merge_patch,
    prune,
    replacing_paths,
    without_ignored,
)
from sandbox.kubernetes_plugin.properties import UNKNOWN
from sandbox.kubernetes_plugin.replacement import replacing_fields

scalars = st.booleans() | st.integers(-9, 9) | st.text(max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner)
)
objects = st.dictionaries(st.text(max_size=2), values, max_size=4)


def kinds(old, new, replacing=()):
    """Give path to kind, by name; `-` marks an input diff."""
    return {
        path: PropertyDiff.Kind.Name(change.kind) + ("-" if change.inputDiff else "")
        for path, change in detailed_diff(old, new, replacing).items()
    }


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, {}),
        ({"a": 1}, {"a": True}, {"a": "UPDATE"}),
        ({"a": 1}, {"a": 2}, {"a": "UPDATE"}),
        ({"a": 1}, {}, {"a": "DELETE-"}),
        ({}, {"a": 1}, {"a": "ADD"}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, {"a.c": "ADD"}),
        ({"a": [1, 2]}, {"a": [1, 3]}, {"a[1]": "UPDATE"}),
        ({"a": [1, 2]}, {"a": [1]}, {"a[1]": "DELETE-"}),
        ({"a": [1]}, {"a": [1, 2]}, {"a[1]": "ADD"}),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, {"a[0].c": "DELETE-"}),
        ({"a": {"b": 1}}, {"a": [1]}, {"a": "UPDATE"}),
        ({"a": {"x.y/z": "1"}}, {"a": {"x.y/z": "2"}}, {'a["x.y/z"]': "UPDATE"}),
        ({"a": "x"}, {"a": UNKNOWN}, {"a": "UPDATE"}),
        ({}, {"a": UNKNOWN}, {"a": "ADD"}),
        ({"a": [{"b": "x"}]}, {"a": [{"b": UNKNOWN}]}, {"a[0].b": "UPDATE"}),
    ],
)
def test_each_change_has_its_path_and_kind(old, new, expected):
    """As provider/pkg/provider/provider_test.go and util_test.go have them."""
    assert kinds(old, new) == expected


@given(objects)
def test_an_object_does_not_differ_from_itself(obj):
    """No change is found where there is none."""
    assert kinds(obj, obj) == {}


@given(objects, objects)
def test_a_diff_is_empty_only_without_a_patch(old, new):
    """Whatever differs is shown somewhere."""
    assert bool(merge_patch(old, new)) == bool(kinds(old, new))


@given(objects, objects)
def test_a_merge_patch_leads_to_the_new_object(old, new):
    """RFC 7386, on objects without nulls."""

    def apply(target, patch):
        result = dict(target) if isinstance(target, dict) else {}
        for key, value in patch.items():
            if value is None:
                result.pop(key, None)
            else:
                nested = isinstance(value, dict)
                result[key] = apply(result.get(key), value) if nested else value
        return result

    assert apply(old, merge_patch(old, new)) == new


@given(objects, objects)
def test_pruning_leaves_nothing_that_the_shape_lacks(live, shape):
    """The server's defaults don't show in a diff."""
    pruned = prune(live, shape)
    assert pruned.keys() == live.keys() & shape.keys()
    assert prune(pruned, shape) == pruned


DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment"}
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap"}
SECRET = {"apiVersion": "v1", "kind": "Secret"}
POD = {"apiVersion": "v1", "kind": "Pod"}
BINDING = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding"}
CUSTOM = {"apiVersion": "example.com/v1", "kind": "ConfigMap"}


@pytest.mark.parametrize(
    ("identity", "old", "new", "settings", "replaced"),
    [
        (CONFIG_MAP, {"data": {"a": "1"}}, {"data": {"a": "2"}}, {}, ["data.a"]),
        (CONFIG_MAP, {"data": {"a": "1"}}, {"data": {"a": "2"}}, {"config_map_mutable": True}, []),
        (
            CONFIG_MAP | {"immutable": True},
            {"data": {"a": "1"}},
            {"data": {"a": "2"}},
            {"config_map_mutable": True},
            ["data.a"],
        ),
        (SECRET, {"data": {"a": "MQ=="}}, {"data": {"a": "Mg=="}}, {}, ["data.a"]),
        (SECRET, {"data": {"a": "MQ=="}}, {"data": {"a": "Mg=="}}, {"secret_mutable": True}, []),
        (SECRET, {"type": "a"}, {"type": "b"}, {"secret_mutable": True}, ["type"]),
        (CUSTOM, {"data": {"a": "1"}}, {"data": {"a": "2"}}, {}, []),
        (
            DEPLOYMENT,
            {"spec": {"selector": {"matchLabels": {"a": "1"}}}},
            {"spec": {"selector": {"matchLabels": {"a": "2"}}}},
            {},
            ["spec.selector.matchLabels.a"],
        ),
        (DEPLOYMENT, {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, {}, []),
        (
            POD,
            {"spec": {"containers": [{"name": "a", "image": "1"}]}},
            {"spec": {"containers": [{"name": "a", "image": "2"}]}},
            {},
            ["spec.containers[0].image"],
        ),
        (BINDING, {"roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}, {}, ["roleRef.name"]),
        (CUSTOM, {"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}, {}, ["metadata.name"]),
    ],
)
def test_changes_that_cannot_be_made_in_place_replace(identity, old, new, settings, replaced):
    """As provider/pkg/provider/diff.go lists them."""
    options = {"config_map_mutable": False, "secret_mutable": False} | settings
    fields = replacing_fields(identity | new, **options)
    assert replacing_paths(detailed_diff(identity | old, identity | new, fields)) == replaced


def test_a_patch_resource_is_replaced_by_its_identity_only():
    """A ConfigMapPatch changes data in place."""
    fields = replacing_fields(
        CONFIG_MAP, config_map_mutable=False, secret_mutable=False, patch=True
    )
    assert fields == ("metadata.name", "metadata.namespace")


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ("a", set()),
        ("a.b", {"a.c", "a.d[0].e", "a.d[1].e"}),
        ("a.d[0]", {"a.b", "a.c", "a.d[1].e"}),
        ("a.d[*].e", {"a.b", "a.c"}),
        ('a["b"]', {"a.c", "a.d[0].e", "a.d[1].e"}),
    ],
)
def test_ignored_changes_are_dropped(ignored, left):
    """Everything at or below an ignored path is left out."""
    old = {"a": {"b": 1, "c": 1, "d": [{"e": 1}, {"e": 1}]}}
    new = {"a": {"b": 2, "c": 2, "d": [{"e": 2}, {"e": 2}]}}
    assert set(without_ignored(detailed_diff(old, new), [ignored])) == left


def test_an_ignored_change_that_upstream_spells_in_two_ways_stays():
    """It looks the change up under the other spelling (provider.go, Diff)."""
    old, new = ({"a": dict.fromkeys(("plain", "dash-ed", "do.t"), n)} for n in (1, 2))
    assert set(without_ignored(detailed_diff(old, new), ["a"])) == {"a.dash-ed"}


@given(st.lists(st.integers(0, 9) | st.text(min_size=1, max_size=4), min_size=1))
def test_paths_survive_rendering(parts):
    """A key with dots, quotes or brackets is quoted."""
    parts = [part if isinstance(part, int) else part.replace("\\", "") or "x" for part in parts]
    if isinstance(parts[0], int):
        parts = ["x", *parts]
    assert paths.parse(paths.render(parts)) == tuple(parts)


@pytest.mark.parametrize("text", ["a.", "a..b", "a[x]", "a[0", 'a["b"', "a.[0]"])
def test_a_malformed_path_is_refused(text):
    """The error names the path."""
    with pytest.raises(ValueError, match="property path"):
        paths.parse(text)
