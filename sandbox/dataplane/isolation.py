"""A network of one command's own: nothing in it reaches outside, and all in it ends with it."""

import shutil
import subprocess
from collections.abc import Sequence

PROGRAMS = ("unshare", "setpriv", "ip")
"""Of util-linux and iproute2."""

NAMESPACES = (
    # Root in it, and an ordinary user to everything else.
    *("unshare", "--user", "--map-root-user"),
    *("--net", "--mount"),
    # Its first process takes all others with it, however it ends.
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)
PODS = "10.0.0.1/8"
"""The loopback device's second network: the fake pods' addresses are local in it."""


def why_not() -> str | None:
    """Say why this user can't have namespaces on this machine; None when it can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"{' and '.join(missing)} not on PATH"
    answer = subprocess.run(
        [*NAMESPACES, "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False
    )
    said = answer.stderr.strip().splitlines() or [f"it ended with {answer.returncode}"]
    return f"user namespaces are not allowed here: {said[0]}" if answer.returncode else None


def command(words: Sequence[str]) -> list[str]:
    """Return a command that runs another one in there; it ends when its parent does."""
    return ["setpriv", "--pdeathsig", "KILL", *NAMESPACES, *words]


def set_up() -> None:
    """Give the network its addresses; called in it, first of all."""
    for change in (("link", "set", "lo", "up"), ("address", "add", PODS, "dev", "lo")):
        subprocess.run(["ip", *change], check=True)
