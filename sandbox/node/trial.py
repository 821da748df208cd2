"""A trial of what the node needs from the machine: namespaces, bridges and redirection."""

import subprocess
import sys
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
    return f"pods' networks can't be made here: {said[-1]}" if said else None


def main() -> None:
    """Make the network of one pod, with its redirection."""
    network.set_up()
    own = Path("/proc/self/ns/net").readlink()
    with subprocess.Popen(["unshare", "--net", "--mount", "sleep", "infinity"]) as holder:
        try:
            while Path(f"/proc/{holder.pid}/ns/net").readlink() == own:
                time.sleep(0.01)
            address = str(network.PODS[2])
            network.join(holder.pid, address)
            services = IPv4Network(f"{LOOPBACK}/32")
            network.redirect(holder.pid, address, Redirection(services=services))
        finally:
            holder.kill()


if __name__ == "__main__":
    main()
