"""A sandbox's folder."""

from pathlib import Path

import pytest

from sandbox import cluster
from sandbox.cluster import Sandbox


def test_no_other_user_reads_keys_or_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the modes of the files in it, which other programs write."""
    monkeypatch.setattr(cluster, "HOME", tmp_path)
    sandbox = Sandbox("mine")

    sandbox.keep_state()

    assert sandbox.state.is_dir()
    assert sandbox.folder.stat().st_mode & 0o077 == 0
