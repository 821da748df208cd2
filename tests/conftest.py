"""What tests on a real cluster share: a sandbox, and helm."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.cluster import Sandbox
from sandbox.programs import HELM

# Whatever the shell says: pods that are objects are enough, but for the tests that ask for more.
os.environ["PODS"] = "fake"


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
