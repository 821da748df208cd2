"""A trial of what the node needs: namespaces, mounts, bridges and redirection."""

import subprocess
import sys
import tempfile
import time
from ipaddress import IPv4Network
from pathlib import Path

from sandbox.dataplane import isolation
from sandbox.node import network
from sandbox.node.host_sockets import LOOPBACK
from sandbox.node.network import Redirection

PROGRAMS = ("nsenter", "mount")


def why_not() -> str | None:
    """Return why this user can't run the node on this machine, or None."""
    if (reason := isolation.why_not(PROGRAMS)) is not None:
        return reason
    tried = isolation.command([sys.executable, "-m", "sandbox.node.trial"])
    said = isolation.failure(tried)
    if not said:
        return None
    # The last line says it, but for an indented hint of `mount`.
    reason = next((line for line in reversed(said) if not line.startswith(" ")), said[-1])
    return f"pods' networks can't be made here: {reason}"


def main() -> None:
    """Make the network of one pod, with its redirection and its files for names."""
    network.set_up()
    with tempfile.NamedTemporaryFile() as names:
        file = Path(names.name)
        with subprocess.Popen(network.holding(file, file)) as holder:
            try:
                while holder.poll() is None and not network.is_held(holder.pid):
                    time.sleep(0.01)
                if holder.returncode is not None:  # its message is there already
                    sys.exit(holder.returncode)
                address = str(network.PODS[2])
                network.join(holder.pid, address)
                services = IPv4Network(f"{LOOPBACK}/32")
                network.redirect(holder.pid, address, Redirection(services=services))
            finally:
                holder.kill()


if __name__ == "__main__":
    main()
