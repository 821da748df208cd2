"""The node's outer process: starts the kubelet in a network of its own, and makes its sockets."""

import ipaddress
import json
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import lightkube

from sandbox.dataplane import isolation
from sandbox.node.host_sockets import HostSockets


def main(folder: Path, *arguments: str) -> None:
    """Run the node of a sandbox's folder until it or this process ends."""
    config = lightkube.KubeConfig.from_file(folder / "kubeconfig")
    server = urlsplit(str(config.get().cluster.server))
    network = json.loads((folder / "sandbox.json").read_text())["network"]
    sockets = HostSockets(
        api_server=(str(server.hostname), int(server.port or 443)),
        services=ipaddress.IPv4Network(network),
    )
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = [
        *(sys.executable, "-m", "sandbox.node.kubelet", str(folder), *arguments),
        str(theirs.fileno()),
    ]
    # The kubelet ends with this process, however this ends.
    with subprocess.Popen(isolation.command(words), pass_fds=[theirs.fileno()]):
        theirs.close()
        sockets.serve(ours)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
