"""What tests on a real cluster share: a sandbox, and the report's header."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.workspace import Workspace
from sandbox import toolchain
from sandbox.cluster import Sandbox
from sandbox.programs import HELM


def pytest_report_header() -> list[str]:
    """Say which kubernetes plugin the tests of this run use."""
    plugin = "the official one" if Workspace("dev", "default").official_plugin() else "the stand-in"
    return [f"kubernetes plugin of end-to-end tests: {plugin}"]


@pytest.fixture(scope="session")
def helm() -> Iterator[None]:
    """Put the real helm on PATH: what it renders can't be faked."""
    folder = toolchain.ensure((HELM,))["helm"].parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def cluster() -> Iterator[Sandbox]:
    """Bring up an empty sandbox for the tests that need no more than an API server."""
    sandbox = Sandbox(f"test-{os.getpid()}")
    sandbox.up()
    yield sandbox
    sandbox.down()


@pytest.fixture(scope="session")
def kubeconfig(cluster: Sandbox) -> Path:
    """Return the kubeconfig of that sandbox."""
    return cluster.kubeconfig
