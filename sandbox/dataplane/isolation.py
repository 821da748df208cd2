"""An isolated network for one command: it can't reach outside, and its processes end with it."""

import shutil
import subprocess
from collections.abc import Sequence

PROGRAMS = ("unshare", "setpriv", "ip")
"""The programs that this needs, from util-linux and iproute2."""

NAMESPACES = (
    # The user is root inside, and an ordinary user outside.
    *("unshare", "--user", "--map-root-user"),
    *("--net", "--mount"),
    # When the first process ends, for any reason, all others end.
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)


def why_not(more: Sequence[str] = ()) -> str | None:
    """Return why this user can't create namespaces on this machine, or None.

    `more` are programs that the caller needs, too.
    """
    missing = [program for program in (*PROGRAMS, *more) if shutil.which(program) is None]
    if missing:
        return f"{' and '.join(missing)} not on PATH"
    answer = subprocess.run(
        [*NAMESPACES, "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False
    )
    said = answer.stderr.strip().splitlines() or [f"it ended with {answer.returncode}"]
    return f"user namespaces are not allowed here: {said[0]}" if answer.returncode else None


def command(words: Sequence[str]) -> list[str]:
    """Return a command that runs another one isolated, and that ends with its parent."""
    return ["setpriv", "--pdeathsig", "KILL", *NAMESPACES, *words]
