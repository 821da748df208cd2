"""The entrance to a pod: found among processes that come and go."""

from pathlib import Path
from typing import Any

import psutil
import pytest

from console import UserError
from sandbox.node import entrance


class Process:
    """A process of the node; one without a folder has ended since it was listed."""

    pid = 12

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def name(self) -> str:
        """Return the program's name."""
        if self._folder is None:
            raise psutil.NoSuchProcess(self.pid)
        return "pilot-agent"

    def cwd(self) -> str:
        """Return the working folder."""
        return str(self._folder)


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a sandbox with one pod, and with a probe that has just ended."""
    running = Process(tmp_path / "pods" / "bookinfo_details-1" / "istio-proxy")
    found: list[Any] = [Process(None), running]
    monkeypatch.setattr(entrance, "of_node", lambda _folder: found)
    return tmp_path


def test_a_probe_that_ends_meanwhile_does_no_harm(sandbox: Path) -> None:
    """Programs of probes end all the time."""
    assert "--target=12" in entrance.to_pod(sandbox, "bookinfo", "details-1")


def test_a_pod_without_a_sidecar_is_named(sandbox: Path) -> None:
    """Its sidecar may have ended."""
    with pytest.raises(UserError, match="sidecar of pod bookinfo/ratings-1 doesn't run"):
        entrance.to_pod(sandbox, "bookinfo", "ratings-1")
