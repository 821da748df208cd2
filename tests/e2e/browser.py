"""A headless Chromium, where one is installed."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needed = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium"
)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu")


def opened(url: str, folder: Path) -> tuple[str, str]:
    """Open a page; return its document after its scripts ran, and what the browser complains of."""
    shown = subprocess.run(
        [*_command(folder), "--enable-logging=stderr", "--dump-dom", url],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return shown.stdout, shown.stderr


@dataclass
class Tab:
    """A tab of a running browser, driven by its DevTools protocol over two pipes."""

    _requests: BinaryIO
    _replies: BinaryIO
    _session: dict[str, str] = field(default_factory=dict)
    _number: int = 0

    def open(self, url: str) -> None:
        """Load a page, or load it again, and wait until all of it is there."""
        self.ask("Page.navigate", url=url)
        self._until(lambda told: told.get("method") == "Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript on the page."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def picture(self) -> bytes:
        """Return a picture of what is seen, in PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot")["data"])

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol, and return its result."""
        self._number += 1
        wanted = {"id": self._number, "method": method, "params": parameters, **self._session}
        self._requests.write(json.dumps(wanted).encode() + b"\0")
        self._requests.flush()
        return self._until(lambda told: told.get("id") == self._number)["result"]

    def attach(self) -> None:
        """Make a tab, and send all further commands to it."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        self.ask("Page.enable")

    def _until(self, is_wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            said = bytearray()
            while (byte := self._replies.read(1)) != b"\0":
                assert byte, "the browser ended"
                said += byte
            if is_wanted(told := json.loads(said)):
                return told


@contextmanager
def tab(folder: Path) -> Generator[Tab]:
    """Start a browser with an empty tab, and end it after the block."""
    read, to_browser = os.pipe()
    from_browser, write = os.pipe()
    # The protocol's pipes are always the browser's files 3 and 4; sh knows files to 9 only.
    script = f'exec "$@" 3<&{read} 4>&{write}'
    words = ["bash", "-c", script, "bash", *_command(folder), "--remote-debugging-pipe"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, pass_fds=(read, write), stdout=quiet, stderr=quiet) as process:
        os.close(read)
        os.close(write)
        with os.fdopen(to_browser, "wb") as requests, os.fdopen(from_browser, "rb") as replies:
            try:
                shown = Tab(requests, replies)
                shown.attach()
                yield shown
            finally:
                process.kill()


def _command(folder: Path) -> list[str]:
    assert CHROMIUM is not None
    return [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}"]
