"""The cache that programs are kept in: outside every checkout, so that a second builds nothing."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

import platformdirs

from console import UserError
from sandbox import lock

FOLDER = Path(os.environ.get("MESH_CACHE") or platformdirs.user_cache_path("istio-mesh"))


class ToolchainError(UserError):
    """A program can't be had on this machine; the message says why and what helps."""


def only_one() -> AbstractContextManager[None]:
    """Let one process at a time fill the cache, and remove what builds need."""
    return lock.held(FOLDER / "lock", "waiting for another set-up that fills the same cache")
