"""A checkout whose stack is up, for the tests that look at it."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from sandbox.cluster import Sandbox

from .checkout import Checkout


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the sandbox's keeper was doing: on CI nobody can look later."""
    report = yield
    if report.failed:
        for fixture in getattr(item, "funcargs", {}).values():
            if isinstance(fixture, Checkout):
                log = fixture.sandbox.folder / "keeper.log"
                lines = log.read_text().splitlines()[-60:] if log.exists() else ["there is none"]
                report.sections.append(("the keeper's log", "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Return a checkout with an empty sandbox of its own."""
    sandbox = Sandbox(f"e2e-{os.getpid()}")
    yield Checkout.make(tmp_path_factory.mktemp("checkout"), sandbox)
    sandbox.down()


@pytest.fixture(scope="session")
def first_up(checkout: Checkout) -> str:
    """Return what the first `up` said: from nothing to the tables."""
    return checkout.mesh("up")


@pytest.fixture
def deployed(checkout: Checkout, first_up: str) -> Checkout:
    """Return the checkout with its stack up."""
    assert first_up
    return checkout


@pytest.fixture
def scratch(checkout: Checkout, tmp_path: Path) -> Checkout:
    """Return a checkout of the test's own, on the same sandbox."""
    return Checkout.make(tmp_path, checkout.sandbox)
