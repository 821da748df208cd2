"""Bucket: a local S3 that keeps the state of a stack, in place of a folder."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

from bench.cost import BenchError
from sandbox import wheels

NAME = "state"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"


@contextmanager
def bucket() -> Generator[Mapping[str, str]]:
    """Serve an empty bucket, and yield the environment in which Pulumi keeps its state there.

    Raises ToolchainError when the server can't be installed, BenchError when it doesn't start.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(wheels.installed("moto", REQUIREMENTS)),
        "PYTHONUNBUFFERED": "1",
    }
    command = (sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0")
    with (
        tempfile.NamedTemporaryFile("r") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            address = _address(server, Path(log.name))
            httpx2.put(f"{address}/{NAME}").raise_for_status()
            yield {
                "PULUMI_BACKEND_URL": f"s3://{NAME}?endpoint={address}&use_path_style=true",
                # It lets in everybody: the client only must not look for credentials elsewhere.
                "AWS_ACCESS_KEY_ID": "none",
                "AWS_SECRET_ACCESS_KEY": "none",
                "AWS_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        finally:
            server.terminate()


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address that the server says it listens on."""
    while server.poll() is None:
        if match := re.search(r"Running on (http://[\d.:]+)", log.read_text()):
            return match[1]
        time.sleep(0.1)
    raise BenchError(f"moto's server has ended:\n{log.read_text()}")
