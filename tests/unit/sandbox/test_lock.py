"""A lock between processes."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mesh.project import PROJECT
from sandbox import lock

HOLD = """
import sys
from pathlib import Path
from sandbox import lock
with lock.held(Path(sys.argv[1]), ""):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_holds_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the process and what it runs; then the lock is waited for."""
    file = tmp_path / "dev.lock"
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        threading.Timer(0.3, holder.stdin.close).start()

        with lock.held(file, "waiting for another command"):
            pass

    assert f"waiting for another command: process {holder.pid}, -c" in capsys.readouterr().err
