"""A machine that has little: what the README doesn't ask for isn't needed to set up a sandbox."""

import os
import subprocess
import sys
from pathlib import Path

from sandbox.cluster import Sandbox

BUILD_ETCD = """
import dataclasses
from sandbox import toolchain
from sandbox.programs import ETCD
family = dataclasses.replace(ETCD, downloads=())
print(toolchain.ensure((family,))["etcd"])
"""


def run_without_programs(
    code: str, path: Path, seconds: float, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python code where PATH is one folder with no programs in it."""
    without_go = {name: value for name, value in os.environ.items() if name != "GOROOT"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**without_go, **environment, "PATH": str(path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def test_a_machine_without_go_builds_with_the_compiler_of_the_wheel(tmp_path: Path) -> None:
    """An empty cache and an empty PATH: Go comes from its wheel, and etcd from that Go."""
    empty = tmp_path / "no-programs"
    empty.mkdir()

    built = run_without_programs(BUILD_ETCD, empty, 900, MESH_CACHE=str(tmp_path / "cache"))

    assert built.returncode == 0, built.stderr
    etcd = built.stdout.strip()
    version = subprocess.run([etcd, "--version"], capture_output=True, text=True, check=True)
    assert "etcd Version: 3." in version.stdout
    assert "Go Version: go1.27" in version.stdout


def test_a_machine_without_kubectl_starts_a_sandbox(cluster: Sandbox, tmp_path: Path) -> None:
    """Kwokctl would download one, and wait for ever where it can't: it gets that of venv/."""
    assert cluster.is_up()  # its programs are at hand
    code = f"from sandbox.cluster import Sandbox; Sandbox('{cluster.name}-bare').up()"
    bare = Sandbox(f"{cluster.name}-bare")
    try:
        started = run_without_programs(code, tmp_path, 120)
        assert started.returncode == 0, started.stderr
        assert bare.is_up()
    finally:
        bare.down()
