"""A lock between processes, in a file; a process that waits for it says for whom."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock
import psutil

import console


@contextmanager
def held(file: Path, waiting: str) -> Generator[None]:
    """Hold the lock while the block runs; `waiting` is shown until it is acquired.

    The process that holds the lock can acquire it again at once.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    holder = file.with_name(f"{file.name}.holder")
    lock = filelock.FileLock(file, is_singleton=True)
    try:
        lock.acquire(timeout=0.1)
    except filelock.Timeout:
        console.say(f"{waiting}{_described(holder)}")
        with console.alive(waiting):
            lock.acquire()
    try:
        holder.write_text(f"{os.getpid()}\n")
        yield
    finally:
        lock.release()


def _described(holder: Path) -> str:
    """Return the process that holds the lock, as text that follows a message."""
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int(holder.read_text()))
        # Later words may be settings, which may be secret.
        return f": process {process.pid}, {' '.join(process.cmdline()[1:4])}"
    return ""
