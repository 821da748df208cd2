"""Loopback networks: each sandbox takes the addresses of its Services from one of its own."""

import errno
import socket
from collections.abc import Collection

from sandbox.control_plane import SandboxError

WEBHOOK_PORT = 443
"""The API server dials a webhook's Service there, and each Service has a loopback address."""

NETWORKS = range(20, 120)
"""Second parts of the loopback networks 127.x.0.0/16 that sandboxes take their Services from."""


def free_network(taken: Collection[str]) -> str:
    """Choose a network that no sandbox has, and in which nobody listens where istiod will.

    Raises SandboxError when there is none, or this user may not listen.
    """
    for second in NETWORKS:
        network = f"127.{second}.0.0/16"
        if network not in taken and _can_listen(f"127.{second}.0.1"):
            return network
    raise SandboxError(f"all loopback networks of sandboxes are taken: {sorted(taken)}")


def _can_listen(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, WEBHOOK_PORT))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise SandboxError(
                    f"istiod must listen on port {WEBHOOK_PORT} of a loopback address, and this "
                    "user may not: allow it until the next boot with\n"
                    f"  sudo sysctl net.ipv4.ip_unprivileged_port_start={WEBHOOK_PORT}"
                ) from error
            return False
    return True
