"""The logs of a sandbox."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox import cluster
from sandbox.__main__ import app
from sandbox.cluster import Sandbox


def test_containers_of_pods_have_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with the name's part that is asked for."""
    monkeypatch.setattr(cluster, "HOME", tmp_path)
    pods = Sandbox("mine").folder / "pods"
    for pod in ("bookinfo_details-v1-1", "bookinfo_reviews-v1-1"):
        (pods / pod).mkdir(parents=True)
        (pods / pod / "istio-proxy.log").write_text(f"a line of {pod}\n")

    said = CliRunner().invoke(app, ["logs", "--name", "mine"], env={"PROCESS": "reviews-v1"})

    assert said.output == (
        "==> bookinfo_reviews-v1-1 istio-proxy <==\na line of bookinfo_reviews-v1-1\n\n"
    )
