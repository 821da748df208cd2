"""A lock between processes, in a file; a process that waits for it prints a message."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import filelock

import console


@contextmanager
def held(file: Path, waiting: str) -> Generator[None]:
    """Hold the lock while the block runs; `waiting` is shown until it is acquired.

    The process that holds the lock can acquire it again at once.
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
