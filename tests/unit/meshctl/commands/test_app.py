"""The command line as a whole."""

import resource

import pytest

import console
from meshctl.commands import app


def test_no_process_leaves_a_core_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the shell allows: Pulumi, its plugin and the program have secrets in memory."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    limits: list[tuple[int, int]] = []

    def ran(*_: object, **__: object) -> None:
        limits.append(resource.getrlimit(resource.RLIMIT_CORE))

    monkeypatch.setattr(console, "run", ran)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        app.main()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))

    assert limits == [(0, hard)]
