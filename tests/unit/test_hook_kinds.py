"""Helm's hooks for a deletion, run by a client."""

from mesh import hook_run


def test_a_kind_of_the_core_group_is_looked_up_as_often_as_needed() -> None:
    """It is created, and deleted afterwards: lightkube takes a second class for it as a clash."""
    hook = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": "n"}}

    assert hook_run._resource(hook) is hook_run._resource(hook)
