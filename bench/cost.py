"""Cost of a command: time, processor time, memory and writes of its whole tree of processes."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import psutil

from console import UserError
from mesh.project import PROJECT

SAMPLE_SECONDS = 0.1


class BenchError(UserError):
    """A command that is measured has failed; the message has its output."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost of one command, or of several one after the other."""

    seconds: float = 0
    processor: float = 0
    """Seconds of processor time of all processes, which a busy machine doesn't change."""
    megabytes: float = 0
    """The most resident memory at one time; what processes share counts several times."""
    written: float = 0
    """Megabytes written to files, as sampled until a process ended."""

    def __add__(self, other: "Cost") -> "Cost":
        """Return the cost of both, one after the other."""
        return Cost(
            seconds=self.seconds + other.seconds,
            processor=self.processor + other.processor,
            megabytes=max(self.megabytes, other.megabytes),
            written=self.written + other.written,
        )


def measured(
    command: Sequence[str], environment: Mapping[str, str], standard_input: str = ""
) -> tuple[Cost, str]:
    """Run a command, and return its cost and its output. Raises BenchError when it fails."""
    began, most = time.monotonic(), 0
    written: dict[int, int] = {}
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        with ThreadPoolExecutor(2) as threads:
            assert process.stdin is not None  # noqa: S101 - both are pipes
            assert process.stdout is not None  # noqa: S101
            said = threads.submit(process.stdout.read)
            threads.submit(_tell, process, standard_input)
            while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
                most = max(most, _sample(process.pid, written))
                time.sleep(SAMPLE_SECONDS)
            process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode:
            raise BenchError(f"{' '.join(command)}:\n{said.result()}")
    cost = Cost(
        seconds=time.monotonic() - began,
        processor=ended[2].ru_utime + ended[2].ru_stime,
        megabytes=most / 2**20,
        written=sum(written.values()) / 2**20,
    )
    return cost, said.result()


def _tell(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError):
        process.stdin.write(text)
        process.stdin.close()


def _sample(pid: int, written: dict[int, int]) -> int:
    """Return the resident bytes of a process and its children, and note what each has written."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_info().rss
                written[process.pid] = process.io_counters().write_bytes
    return total
