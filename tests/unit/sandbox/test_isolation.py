"""The trial of what a machine allows: it says why not, and always ends."""

import pytest

from sandbox.dataplane import isolation


def test_a_command_that_fails_is_told_by_its_lines() -> None:
    """Or by its code, if it says nothing."""
    assert isolation.failure(["sh", "-c", "echo no >&2; exit 1"]) == ["no"]
    assert isolation.failure(["sh", "-c", "exit 3"]) == ["it ended with 3"]
    assert isolation.failure(["true"]) == []


def test_a_command_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that lets it hang holds up no `make up`."""
    monkeypatch.setattr(isolation, "TRIAL_SECONDS", 0.1)

    assert isolation.failure(["sleep", "60"]) == ["`sleep` didn't end within 0 s"]
