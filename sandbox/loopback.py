"""Loopback networks: each sandbox has its own one for the addresses of its Services."""

import errno
import socket
from collections.abc import Collection
from contextlib import ExitStack

from sandbox.control_plane import SandboxError

WEBHOOK_PORT = 443
"""The port on which the API server calls a webhook's Service, at the Service's loopback address."""
LOWEST_PORT = 80
"""The lowest port that a sandbox listens on: a gateway's."""

NETWORKS = range(20, 120)
"""The second numbers of the loopback networks 127.x.0.0/16 for the Services of sandboxes."""


def free_network(taken: Collection[str]) -> str:
    """Return a network that no sandbox has, and in which istiod's address and port are free.

    Raises SandboxError when there is none, or this user may not listen on the port.
    """
    for second in NETWORKS:
        network = f"127.{second}.0.0/16"
        if network not in taken and _can_listen(f"127.{second}.0.1"):
            return network
    raise SandboxError(
        "no loopback network is free for another sandbox; end one with `make sandbox-down "
        f"SANDBOX=NAME`. Taken by sandboxes: {sorted(taken)}"
    )


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 on which nothing listens now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def _can_listen(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, WEBHOOK_PORT))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise SandboxError(
                    f"istiod must listen on port {WEBHOOK_PORT} of a loopback address, but this "
                    "user may not: allow it until the next boot with\n"
                    f"  sudo sysctl net.ipv4.ip_unprivileged_port_start={LOWEST_PORT}"
                ) from error
            return False
    return True
