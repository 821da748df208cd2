"""A steady rate of requests: it says what it needs."""

import json
from pathlib import Path

import pytest

from console import UserError
from sandbox import cluster
from sandbox.cluster import Sandbox
from traffic import rate


def test_a_sandbox_without_a_gateway_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that doesn't exist."""
    monkeypatch.setattr(cluster, "HOME", tmp_path)
    monkeypatch.setattr(Sandbox, "why_fake", None)

    with pytest.raises(UserError, match="team doesn't exist: run `make up SANDBOX=team`"):
        rate.rate(sandbox="team")

    Sandbox("team").keep_state()
    Sandbox("team").local_ports.write_text(json.dumps([{"port": 443, "local": 8443}]))
    with pytest.raises(UserError, match="run `make up SANDBOX=team` first"):
        rate.rate(sandbox="team")
