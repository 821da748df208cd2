"""Sockets of this machine's network for the node, which has a network of its own.

The node's network reaches nothing. A process outside of it makes the few sockets that the node may
have, and passes them in (SCM_RIGHTS). So the rules for what may be reached are in one place.
"""

import ipaddress
import json
import socket
import threading
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
ISTIOD_PORT = 15012
"""The port of every istiod for its proxies."""
MESSAGE_BYTES = 4096


@dataclass(frozen=True)
class HostSockets:
    """The sockets of one sandbox's node, made outside of the node's network."""

    api_server: tuple[str, int]
    services: ipaddress.IPv4Network
    """The loopback network of the sandbox's Services."""

    def serve(self, channel: socket.socket) -> None:
        """Answer the node's requests until it ends."""
        while request := channel.recv(MESSAGE_BYTES):
            wanted = json.loads(request)
            address = (wanted["address"], wanted["port"])
            try:
                made = self._make(wanted["verb"], address)
            # No request ends this process: one may have no IP address, or a port above 65535.
            except (OSError, ValueError, OverflowError) as error:
                said = getattr(error, "strerror", None) or str(error)
                channel.send(json.dumps({"error": said}).encode())
                continue
            with made:
                socket.send_fds(channel, [b"{}"], [made.fileno()])

    def _make(self, verb: str, address: tuple[str, int]) -> socket.socket:
        is_service = ipaddress.ip_address(address[0]) in self.services
        if verb == "connect" and (
            address == self.api_server or (is_service and address[1] == ISTIOD_PORT)
        ):
            return socket.create_connection(address, timeout=5)
        if verb == "listen" and (is_service or address[0] == LOOPBACK):
            return socket.create_server(address, backlog=1024)
        raise PermissionError(None, f"the node may not {verb} to {address[0]}:{address[1]}")


@dataclass(frozen=True)
class HostSocketsClient:
    """The node's side: asks for sockets over a channel."""

    channel: socket.socket
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def connect(self, address: str, port: int) -> socket.socket:
        """Return a connection to the API server or to an istiod. Raises OSError."""
        return self._ask("connect", address, port)

    def listen(self, address: str, port: int) -> socket.socket:
        """Return a socket that listens on a loopback address of the machine. Raises OSError."""
        return self._ask("listen", address, port)

    def _ask(self, verb: str, address: str, port: int) -> socket.socket:
        wanted = {"verb": verb, "address": address, "port": port}
        with self._one_at_a_time:
            self.channel.send(json.dumps(wanted).encode())
            answer, descriptors, _, _ = socket.recv_fds(self.channel, MESSAGE_BYTES, 1)
        if not descriptors:
            ended = b'{"error": "the process that makes the node\'s sockets has ended"}'
            raise OSError(json.loads(answer or ended)["error"])
        return socket.socket(fileno=descriptors[0])
