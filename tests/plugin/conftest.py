"""A plugin process for each test that wants one."""

import os
import uuid

import pytest

from tests.plugin.client import Plugin, urn_of


def pytest_configure(config):
    """Declare the mark of tests that need an API server."""
    config.addinivalue_line("markers", "cluster: needs a real API server")


@pytest.fixture(scope="session")
def kubeconfig(request):
    """Name the kubeconfig of a cluster that the tests may fill and empty."""
    # A cluster that is up already saves the sandbox's start.
    return os.environ.get("PLUGIN_TEST_KUBECONFIG") or request.getfixturevalue("kubeconfig")


@pytest.fixture
def plugin():
    """Start a plugin that isn't configured yet."""
    started = Plugin()
    yield started
    started.stop()


@pytest.fixture
def cluster_plugin(plugin, kubeconfig):
    """Start a plugin that works with the tests' cluster."""
    plugin.configure(kubeconfig=str(kubeconfig))
    return plugin


@pytest.fixture
def namespace(cluster_plugin, kubeconfig):
    """Make a namespace that is gone after the test."""
    name = f"plugin-{uuid.uuid4().hex[:8]}"
    urn = urn_of("core/v1:Namespace", name)
    inputs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    # Nobody waits for the namespace's controller: no test uses the name again.
    inputs["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    made = cluster_plugin.create(urn, inputs)
    yield name
    fresh = Plugin()
    fresh.configure(kubeconfig=str(kubeconfig))
    fresh.delete(urn, name, made.properties, timeout=60)
    fresh.stop()
