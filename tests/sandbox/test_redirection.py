"""Redirection of a pod's connections to its sidecar, in a network without a cluster."""

import json
import subprocess
import sys

import pytest

from sandbox.dataplane import isolation
from sandbox.node import trial

WHY_NOT = trial.why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
SCRIPT = """
import json, select, socket, subprocess, sys, time
from ipaddress import IPv4Network
from pathlib import Path
from sandbox.dataplane.proxy import MARK
from sandbox.node import network
from sandbox.node.network import Redirection

POD, SERVICE, UNKNOWN = "10.244.0.2", "127.20.3.4", "192.0.2.1"
network.set_up()
own = Path("/proc/self/ns/net").readlink()
holder = subprocess.Popen(["unshare", "--net", "--mount", "sleep", "60"])
while Path(f"/proc/{holder.pid}/ns/net").readlink() == own:
    time.sleep(0.01)
network.join(holder.pid, POD)
network.redirect(holder.pid, POD, Redirection(
    services=IPv4Network("127.20.0.0/16"),
    excluded_inbound_ports=(15021,),
    **{name: tuple(map(IPv4Network, value)) if name.endswith("networks") else tuple(value)
       for name, value in json.loads(sys.argv[1]).items()},
))
with network.of(holder.pid):
    listening = [socket.create_server(("0.0.0.0", p)) for p in (9080, 15001, 15006, 15012, 15021)]

def arrives(address, port=9080, *, marked=False, source=None):
    with socket.socket() as one:
        one.settimeout(0.5)
        if marked:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        if source:
            one.bind((source, 0))
        try:
            one.connect((address, port))
        except OSError:
            return None
        [ready] = select.select(listening, [], [], 2)[0]
        with ready.accept()[0]:
            return ready.getsockname()[1]

with network.of(holder.pid):
    found = {
        "application to a Service": arrives(SERVICE),
        "application to an unknown address": arrives(UNKNOWN),
        "application to itself": arrives("127.0.0.1"),
        "application to its pod": arrives(POD),
        "agent to an istiod": arrives(SERVICE, 15012),
        "sidecar to its application": arrives(POD, source="127.0.0.6"),
        "sidecar to its own pod": arrives(POD, marked=True),
        "sidecar to an unknown address": arrives(UNKNOWN, marked=True),
    }
found["another pod to the application"] = arrives(POD)
found["kubelet to the sidecar"] = arrives(POD, 15021)
holder.kill()
print(json.dumps(found))
"""


EVERYTHING: dict[str, list[object]] = {"outbound_networks": ["0.0.0.0/0"]}

ARRIVALS = {
    "application to a Service": 15001,
    "application to an unknown address": 15001,
    "application to itself": 9080,
    "application to its pod": 9080,
    "agent to an istiod": 15012,
    "sidecar to its application": 9080,
    "sidecar to its own pod": 15006,
    "sidecar to an unknown address": None,
    "another pod to the application": 15006,
    "kubelet to the sidecar": 15021,
}
"""Where connections arrive with what istiod asks for by default."""


def arrivals(redirection: dict[str, list[object]]) -> dict[str, int | None]:
    """Return on which port each connection arrives, or None."""
    words = isolation.command([sys.executable, "-c", SCRIPT, json.dumps(redirection)])
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_connections_arrive_where_istio_sends_them() -> None:
    """At the sidecar's ports for both directions, but for its own connections and its probes."""
    assert arrivals(EVERYTHING) == ARRIVALS


@pytest.mark.parametrize(
    ("redirection", "changed"),
    [
        (
            {"outbound_networks": ["127.20.0.0/16"]},
            {"application to an unknown address": None},
        ),
        (
            {**EVERYTHING, "excluded_outbound_networks": ["127.20.3.0/24"]},
            {"application to a Service": 9080},
        ),
        (
            {**EVERYTHING, "excluded_outbound_ports": [9080]},
            {
                "application to a Service": 9080,
                "application to an unknown address": None,
                "sidecar to its own pod": 9080,
            },
        ),
        ({"outbound_ports": [9080]}, {}),
        ({**EVERYTHING, "inbound_ports": [80]}, {"another pod to the application": 9080}),
        ({**EVERYTHING, "inbound_ports": [9080]}, {}),
    ],
)
def test_less_is_redirected_when_it_is_asked_for(
    redirection: dict[str, list[object]], changed: dict[str, int | None]
) -> None:
    """By networks and ports, to be left out or to be the only ones; all else is as ever."""
    assert arrivals(redirection) == {**ARRIVALS, **changed}
