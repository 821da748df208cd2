"""A Go module's source, by Go's own client."""

import json
import subprocess
import sys
from pathlib import Path

from sandbox.golang import compiler


def download(module: str, version: str) -> Path:
    """Return the folder of a module's version, or end the script with what go says."""
    answer = subprocess.run(
        [compiler(), "mod", "download", "-json", f"{module}@v{version}"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    told = json.loads(answer.stdout)
    if "Error" in told:
        sys.exit(f"{module} v{version} can't be had: {told['Error']}")
    return Path(told["Dir"])
