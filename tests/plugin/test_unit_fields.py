"""Who owns which field, and what an apply does about it."""

import pytest

from sandbox.kubernetes_plugin.fields import apply_ignored, merge_ignored, must_force, transfer

OURS = "pulumi-kubernetes-0a1b2c3d"


def owned(*entries, **fields):
    """Make a live object: entries are (manager, operation, fieldsV1)."""
    managed = [
        {"manager": m, "operation": o, "apiVersion": "v1", "fieldsV1": f} for m, o, f in entries
    ]
    return {"metadata": {"name": "a", "managedFields": managed}, **fields}


@pytest.mark.parametrize(
    ("manager", "operation", "taken"),
    [
        ("pulumi-kubernetes", "Update", True),
        ("pulumi-resource-kubernetes", "Update", True),
        ("kubectl-client-side-apply", "Update", True),
        ("kubectl", "Apply", True),
        ("before-first-apply", "Update", True),
        ("pulumi-kubernetes", "Apply", False),
        ("pilot-discovery", "Update", False),
    ],
)
def test_fields_of_client_side_creators_are_taken_over(manager, operation, taken):
    """By prefix and operation (provider/pkg/await/await.go, fixCSAFieldManagers)."""
    patch = transfer(owned((manager, operation, {"f:data": {}})), OURS)
    assert bool(patch) == taken
    if taken:
        (entry,) = patch[0]["value"]
        assert (entry["manager"], entry["operation"]) == (OURS, "Apply")


def test_taken_fields_join_those_we_have():
    """One manager has one entry of an operation."""
    live = owned(
        ("pulumi-kubernetes", "Update", {"f:data": {"f:a": {}}}),
        (OURS, "Apply", {"f:data": {"f:b": {}}}),
        ("other", "Update", {"f:status": {}}),
    )
    entries = transfer(live, OURS)[0]["value"]
    assert [entry["manager"] for entry in entries] == ["other", OURS]
    assert entries[1]["fieldsV1"] == {"f:data": {"f:a": {}, "f:b": {}}}


def test_the_status_stays_with_its_owner():
    """An entry of a subresource isn't moved."""
    live = owned(("kubectl-edit", "Update", {"f:status": {}}))
    live["metadata"]["managedFields"][0]["subresource"] = "status"
    assert transfer(live, OURS) == []


@pytest.mark.parametrize(
    ("annotation", "live", "enabled", "preview", "force"),
    [
        (None, owned((OURS, "Apply", {})), False, False, False),
        ("true", owned((OURS, "Apply", {})), False, False, True),
        (None, owned((OURS, "Apply", {})), True, False, True),
        (None, None, False, True, True),
        (None, None, False, False, False),
        (None, owned(("pulumi-kubernetes", "Update", {})), False, True, True),
        (None, owned(("pulumi-kubernetes", "Update", {})), False, False, False),
        (None, owned(), False, False, True),
    ],
)
def test_an_apply_forces_only_where_it_must(annotation, live, enabled, preview, force):
    """As provider/pkg/await/await.go, patchForce."""
    annotations = {"pulumi.com/patchForce": annotation} if annotation else {}
    inputs = {"metadata": {"annotations": annotations}}
    assert must_force(inputs, live, enabled=enabled, preview=preview) is force


def test_an_ignored_field_of_others_is_left_out():
    """Else the apply would conflict with the autoscaler."""
    live = owned(("hpa", "Update", {"f:spec": {"f:replicas": {}}}), spec={"replicas": 5})
    wanted = apply_ignored({"spec": {"replicas": 1, "x": 1}}, live, OURS, ["spec.replicas"])
    assert wanted == {"spec": {"x": 1}}


def test_an_ignored_field_of_ours_is_sent_as_it_is():
    """Left out, it would be unset."""
    live = owned((OURS, "Apply", {"f:spec": {"f:replicas": {}}}), spec={"replicas": 5})
    wanted = apply_ignored({"spec": {"replicas": 1}}, live, OURS, ["spec.replicas"])
    assert wanted == {"spec": {"replicas": 5}}


def test_an_ignored_field_that_is_shared_is_sent_as_it_is():
    """We stay one of its owners."""
    fields = {"f:spec": {"f:replicas": {}}}
    live = owned((OURS, "Apply", fields), ("hpa", "Update", fields), spec={"replicas": 5})
    wanted = apply_ignored({"spec": {"replicas": 1}}, live, OURS, ["spec.replicas"])
    assert wanted == {"spec": {"replicas": 5}}


def test_an_ignored_field_that_is_not_there_is_set():
    """The program's value is the first one."""
    wanted = apply_ignored({"spec": {"replicas": 1}}, owned(spec={}), OURS, ["spec.replicas"])
    assert wanted == {"spec": {"replicas": 1}}


@pytest.mark.parametrize("path", ["list[0].x", 'map["a.b"]', "map.a-b", "*", "none.x"])
def test_a_path_that_is_more_than_words_and_dots_names_nothing(path):
    """The program's value stays (provider/pkg/await/await.go, handleSSAIgnoreFields)."""
    inputs = {"list": [{"x": 1}], "map": {"a.b": 1, "a-b": 1}}
    live = owned(list=[{"x": 2}], map={"a.b": 2, "a-b": 2}, none=None)
    assert apply_ignored(inputs, live, OURS, [path]) == inputs


def test_an_ignored_path_through_a_value_is_refused():
    """Server-side apply names it; a client-side update goes on without (handleCSAIgnoreFields)."""
    live = owned(data={"a": "text", "b": "live"})
    inputs = {"data": {"b": "new"}}
    with pytest.raises(ValueError, match="unable to parse field to ignore"):
        apply_ignored(inputs, live, OURS, ["data.a.x"])
    assert merge_ignored(inputs, live, ["data.b", "data.a.x"]) == {"data": {"b": "live"}}
    assert merge_ignored(inputs, live, ["data.a.x", "data.b"]) == inputs
