"""Which kinds a server serves, asked for as seldom as can be."""

import pytest

from sandbox.kubernetes_plugin.discovery import Discovery, Mapping
from sandbox.kubernetes_plugin.errors import NoMatchError
from sandbox.kubernetes_plugin.objects import Gvk


class Server:
    """Serves kinds of one group, and counts who asks."""

    def __init__(self, *kinds):
        self.kinds = kinds
        self.asked = 0

    def get(self, path, _accept):
        """Answer as the API server does."""
        self.asked += path == "/apis"
        resources = [
            {"resource": kind.lower(), "responseKind": {"kind": kind}, "scope": "Cluster"}
            for kind in self.kinds
        ]
        group = {
            "metadata": {"name": "g"},
            "versions": [{"version": "v1", "resources": resources}],
        }
        return {
            "kind": "APIGroupDiscoveryList",
            "items": [group] if path == "/apis" else [],
        }


def test_a_kind_that_came_or_went_is_asked_for_anew_and_no_other():
    """A CRD's end makes its own kind unknown; the rest is remembered."""
    server = Server("Foo", "Bar")
    discovery = Discovery(server.get)
    assert discovery.mapping(Gvk("g", "v1", "Foo")) == Mapping("foo", namespaced=False)

    server.kinds = ("Bar",)
    discovery.forget("g", "Foo")
    assert discovery.mapping(Gvk("g", "v1", "Bar")) == Mapping("bar", namespaced=False)
    assert server.asked == 1
    with pytest.raises(NoMatchError):
        discovery.mapping(Gvk("g", "v1", "Foo"))
    assert server.asked == 2
