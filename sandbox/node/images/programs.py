"""The program of each image that the node knows, by the image's name without registry and tag."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from mesh.project import PROJECT
from sandbox.node.images import bookinfo

PREFIX = "examples-bookinfo-"
NAMES = ("details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3")
PATTERN = f"(^|/){PREFIX}({'|'.join(NAMES)})(:|@|$)"
"""Images of applications that the node runs, as a regular expression for re and for CEL."""
PORT = 9080
"""The port on which all of these images listen."""
SOURCES = "samples/bookinfo/src/productpage"


class ImageError(Exception):
    """The program of an image can't be had; the message is shown in the pod's status."""


@dataclass(frozen=True)
class Program:
    """How to run an image: the command, where, and what it adds to the container's environment."""

    words: tuple[str, ...]
    folder: Path
    environment: dict[str, str]


def of(image: str, packages: Path, folder: Path) -> Program:
    """Return the program of an image. Raises ImageError when it can't be had.

    `packages` holds the Python packages of productpage, `folder` is the container's own.
    """
    found = re.search(PATTERN, image)
    if found is None:
        raise ImageError(f"the sandbox has no program for image {image}")
    name = found[2]
    # -S: the packages of this project's own environment are none of theirs.
    python = (sys.executable, "-S")
    if name == "productpage-v1":
        return Program(
            words=(
                *(*python, "-m", "gunicorn", "--bind", f"0.0.0.0:{PORT}", "--threads", "16"),
                *("--worker-class", "gthread", "--keep-alive", "2", "--no-control-socket"),
                "productpage:app",
            ),
            folder=_productpage(),
            environment={
                "PYTHONPATH": str(packages),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PATH": os.environ["PATH"],
            },
        )
    return Program(
        words=(*python, bookinfo.__file__, name, str(PORT)),
        folder=folder,
        environment={"PATH": os.environ["PATH"]},
    )


def _productpage() -> Path:
    """Return the folder of productpage's source in the newest release on disk."""
    releases = (PROJECT / "releases").glob(f"*/{SOURCES}/productpage.py")
    found = max(releases, key=lambda file: _version(file.parents[4].name), default=None)
    if found is None:
        raise ImageError(
            f"productpage runs from an Istio release's {SOURCES}, and releases/ has none: "
            "run `make release`"
        )
    return found.parent


def _version(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]
