"""The processes of a sandbox: those whose command line contains its folder."""

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil


def of_file(pid_file: Path, folder: Path) -> psutil.Process | None:
    """Return the process of a pid file if it still belongs to the folder, else None.

    After a reboot another process can have the number.
    """
    try:
        process = psutil.Process(int(pid_file.read_text()))
        return process if _is_of(process, folder) else None
    except (OSError, ValueError, psutil.Error):
        return None


def all_of(folder: Path) -> list[psutil.Process]:
    """Return every process of this user that belongs to a folder, except the current process."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.uids().real == os.getuid() and _is_of(process, folder):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


def end(processes: Sequence[psutil.Process], patience: float) -> None:
    """Terminate processes, and kill those that still run after `patience` seconds."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=patience)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def _is_of(process: psutil.Process, folder: Path) -> bool:
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    return any(str(folder) + os.sep in f"{word}{os.sep}" for word in process.cmdline())
