"""The cache that programs are kept in: outside every checkout, so that a second builds nothing."""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

import filelock
import platformdirs

from sandbox import console

FOLDER = Path(os.environ.get("MESH_CACHE") or platformdirs.user_cache_path("istio-mesh"))


class ToolchainError(Exception):
    """A program can't be had on this machine; the message says why and what helps."""


@contextlib.contextmanager
def only_one() -> Generator[None]:
    """Let one process at a time fill the cache, and remove what builds need."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(FOLDER / "lock")
    try:
        lock.acquire(timeout=0.1)
    except filelock.Timeout:
        with console.alive("waiting for another set-up that fills the same cache"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
