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
TRIAL_SECONDS = 30.0
"""The time in which a machine must show that it allows namespaces, even if much else runs."""


def why_not(more: Sequence[str] = ()) -> str | None:
    """Return why this user can't create namespaces on this machine, or None.

    `more` are programs that the caller needs, too.
    """
    missing = [program for program in (*PROGRAMS, *more) if shutil.which(program) is None]
    if missing:
        return f"{' and '.join(missing)} not on PATH"
    said = failure([*NAMESPACES, "ip", "link", "set", "lo", "up"])
    return f"user namespaces are not allowed here: {said[0]}" if said else None


def failure(words: Sequence[str]) -> list[str]:
    """Return the lines that a command failed with, or none if it didn't fail."""
    try:
        answer = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=TRIAL_SECONDS
        )
    except subprocess.TimeoutExpired:
        return [f"`{words[0]}` didn't end within {TRIAL_SECONDS:.0f} s"]
    if answer.returncode == 0:
        return []
    return answer.stderr.strip().splitlines() or [f"it ended with {answer.returncode}"]


def command(words: Sequence[str]) -> list[str]:
    """Return a command that runs another one isolated, and that ends with its parent."""
    return ["setpriv", "--pdeathsig", "KILL", *NAMESPACES, *words]
