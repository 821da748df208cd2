"""The trial of what a machine allows: it says why not, and always ends."""

import pytest

from sandbox.dataplane import isolation
from sandbox.node import trial


def test_a_command_that_fails_is_told_by_its_lines() -> None:
    """Or by its code, if it says nothing."""
    assert isolation.failure(["sh", "-c", "echo no >&2; exit 1"]) == ["no"]
    assert isolation.failure(["sh", "-c", "exit 3"]) == ["it ended with 3"]
    assert isolation.failure(["true"]) == []


def test_a_command_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that lets it hang holds up no `make up`."""
    monkeypatch.setattr(isolation, "TRIAL_SECONDS", 0.1)

    assert isolation.failure(["sleep", "60"]) == ["`sleep` didn't end within 0 s"]


def test_the_reason_is_what_the_failed_program_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what it says besides."""
    said = ["Traceback:", "  a line", "mount: /etc/resolv.conf: no such file.", "   see dmesg(1)"]
    monkeypatch.setattr(isolation, "why_not", lambda _programs: None)
    monkeypatch.setattr(isolation, "failure", lambda _words: said)

    told = "pods' networks can't be made here: mount: /etc/resolv.conf: no such file."
    assert trial.why_not() == told
