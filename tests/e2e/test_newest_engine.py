"""The main job with an engine that a person has on PATH, newer than the pinned one."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.cluster import Sandbox
from sandbox.programs import PULUMI, PULUMI_NEWEST

from .checkout import Checkout


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a PATH with the newest engine and its language host beside it, as in its archive."""
    folder = tmp_path / "pulumi"
    folder.mkdir()
    # Copies: the engine looks for the host beside the file that a link leads to.
    for file in toolchain.ensure((PULUMI,))["pulumi"].parent.iterdir():
        shutil.copy(file, folder)
    shutil.copy(toolchain.ensure((PULUMI_NEWEST,))["pulumi"], folder)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Return a checkout with an empty sandbox of its own."""
    sandbox = Sandbox(f"e2e-engine-{os.getpid()}")
    try:
        yield Checkout.make(tmp_path_factory.mktemp("checkout"), sandbox)
    finally:
        sandbox.down()


def test_a_newer_engine_on_path_does_the_main_job(checkout: Checkout, path: str) -> None:
    """`up` ends with six pods of Bookinfo, a second changes nothing, and destroy ends well."""
    said = checkout.mesh("up", PATH=path)

    assert f"{PULUMI_NEWEST.version} on PATH" in said
    assert said.count("2/2") == 6
    assert "unchanged" in checkout.mesh("up", "--", "--refresh", "--expect-no-changes", PATH=path)
    assert "kept, because others" in checkout.mesh("destroy", PATH=path)
