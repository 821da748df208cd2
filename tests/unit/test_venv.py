"""How venv/ is made."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mesh.project import PROJECT

# Stands in for Python: says what it was asked, and makes a venv of itself and of a uv.
PYTHON = """#!/bin/sh
case "$1 $2" in
  "-c "*) ;;
  "-m venv") mkdir -p venv/bin; cp "$0" venv/bin/python; cp "$0" venv/bin/uv ;;
  *) echo "$(basename "$0") $*" >> asked; [ "$(basename "$0")" = "$BROKEN" ] && exit 1; exit 0 ;;
esac
"""


def made(folder: Path, broken: str = "") -> tuple[int, list[str]]:
    """Run the script in a folder of its own, and give its exit code and what was asked."""
    python = folder / "python3"
    python.write_text(PYTHON)
    python.chmod(0o755)
    shutil.copy(PROJECT / "requirements-dev.txt", folder)
    answer = subprocess.run(
        [PROJECT / "scripts" / "venv", python],
        cwd=folder,
        env=os.environ | {"BROKEN": broken},
        capture_output=True,
        check=False,
    )
    return answer.returncode, (folder / "asked").read_text().splitlines()


def test_uv_is_pinned_and_fills_the_venv(tmp_path: Path) -> None:
    """It takes seconds where pip takes half a minute; both insist on the hashes."""
    code, asked = made(tmp_path)

    assert code == 0
    uv, packages, program = asked
    assert uv.startswith("python -m pip install")
    assert packages.startswith("uv pip install")
    assert program.startswith("python -m compileall")
    assert all("--require-hashes" in line for line in (uv, packages))
    pin = (tmp_path / "venv" / "uv.txt").read_text()
    assert pin.startswith("uv==")
    assert "--hash=sha256:" in pin
    assert pin.count("==") == 1


@pytest.mark.parametrize(("broken", "code"), [("uv", 0), ("python", 1)])
def test_pip_fills_it_where_uv_cannot(tmp_path: Path, broken: str, code: int) -> None:
    """A mirror may be known to pip alone; where pip fails too, so does the command."""
    ended, asked = made(tmp_path, broken)

    last = [line for line in asked if "compileall" not in line][-1]
    assert ended == code
    assert last.startswith("python -m pip install")
    assert last.endswith("--require-hashes -r requirements-dev.txt")
