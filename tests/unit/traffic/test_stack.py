"""The stack of a proof: what it started ends with it."""

import asyncio
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from traffic import stack as stack_module
from traffic.stack import Stack


def test_an_interrupted_deployment_ends_with_all_that_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulumi would go on without it, and write into a sandbox that is being deleted."""
    command, child = tmp_path / "command", tmp_path / "child"
    command.write_text(
        f"#!/bin/sh\nsleep 600 &\necho $! > {child}.new\nmv {child}.new {child}\nwait\n"
    )
    command.chmod(0o755)
    monkeypatch.setattr(stack_module, "sys", SimpleNamespace(executable=str(command)))
    sandbox: Any = SimpleNamespace(folder=tmp_path, name="traffic-1")

    async def interrupted() -> None:
        deploying = asyncio.create_task(Stack(sandbox).deploy())
        while not child.exists():
            await asyncio.sleep(0.01)
        deploying.cancel()
        with suppress(asyncio.CancelledError):
            await deploying

    asyncio.run(interrupted())

    with suppress(psutil.NoSuchProcess):
        assert psutil.Process(int(child.read_text())).status() == psutil.STATUS_ZOMBIE
