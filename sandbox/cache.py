"""The cache of programs: outside every checkout, so that a second checkout builds nothing."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

import platformdirs

from console import UserError
from sandbox import lock

FOLDER = Path(os.environ.get("MESH_CACHE") or platformdirs.user_cache_path("istio-mesh"))


class ToolchainError(UserError):
    """A program can't be installed on this machine; the message says why and what to do."""


def only_one() -> AbstractContextManager[None]:
    """Lock the cache, so that only one process at a time fills it or cleans up after builds."""
    return lock.held(FOLDER / "lock", "waiting for another set-up that fills the same cache")
