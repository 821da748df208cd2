"""A lock between processes, in a file; who waits for it says so."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import filelock

import console


@contextmanager
def held(file: Path, waiting: str) -> Generator[None]:
    """Hold the lock while the block runs; `waiting` is shown until it can be had.

    Who holds it has it again at once.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(file, is_singleton=True)
    try:
        lock.acquire(timeout=0.1)
    except filelock.Timeout:
        console.say(waiting)
        with console.alive(waiting):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
