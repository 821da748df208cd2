"""A pod as processes, from its start to its end, in a network without a cluster and an istiod."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.dataplane import isolation
from sandbox.node import trial

WHY_NOT = trial.why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
SCRIPT = """
import json, socket, subprocess, sys, time
from ipaddress import IPv4Network
from pathlib import Path
from types import SimpleNamespace
from lightkube.resources.core_v1 import Pod
from sandbox.dataplane.proxy import Programs
from sandbox.node import network
from sandbox.node.istio_init import RedirectionError
from sandbox.node.pod import RealPod, Runtime
from sandbox.node.relay import Relays

folder = Path(sys.argv[1])
agent = folder / "agent"
agent.write_text("#!/bin/sh\\nexec sleep 60\\n")
agent.chmod(0o755)
(folder / "bootstrap").write_text("{}")
(folder / "hosts").write_text("127.0.0.1 localhost\\n127.20.3.4 reviews\\n")
network.set_up()
istiod = socket.create_server(("127.0.0.1", 0))
asked = []

def connect(address, port):
    asked.append([address, port])
    return socket.create_connection(istiod.getsockname())

config = SimpleNamespace(data={"root-cert.pem": "a root"})
token = SimpleNamespace(status=SimpleNamespace(token="a token"))
runtime = Runtime(
    client=SimpleNamespace(get=lambda *_, **__: config, create=lambda *_, **__: token),
    programs=Programs(pilot_agent=agent, envoy=agent, bootstrap=folder / "bootstrap"),
    packages=folder,
    folder=folder,
    services=IPv4Network("127.20.0.0/16"),
    sockets=SimpleNamespace(connect=connect),
    relays=Relays(),
    wake=lambda: None,
)
pod = Pod.from_dict({
    "metadata": {"name": "d", "namespace": "b", "creationTimestamp": "2026-11-27T08:00:00Z"},
    "spec": {
        "serviceAccountName": "default",
        "initContainers": [
            {"name": "istio-init", "image": "proxyv2",
             "args": ["istio-iptables", "-i", "*", "-b", "*", "-d", "15020"]},
            {"name": "istio-proxy", "image": "proxyv2", "restartPolicy": "Always",
             "args": ["proxy", "sidecar"],
             "lifecycle": {"preStop": {"exec": {"command": ["touch", str(folder / "drained")]}}}},
        ],
        "containers": [
            {"name": "details", "image": "istio/examples-bookinfo-details-v1:1",
             "lifecycle": {"preStop": {"exec": {"command": ["sleep", "2"]}}}},
        ],
    },
})
real = RealPod(pod, "10.244.0.2", "192.0.2.1", folder / "hosts", runtime)

def until(condition):
    deadline = time.monotonic() + 20
    told = []
    while time.monotonic() < deadline:
        told += [each.message for each in real.step()]
        if condition():
            return told
        time.sleep(0.05)
    raise TimeoutError(real.status())

found = {"wrong at the start": until(lambda: real.is_ready)}
found["phase"] = real.status()["phase"]
with network.of(real._holder.pid):
    agents = socket.create_connection(("127.20.3.4", 15012))
theirs, _ = istiod.accept()
agents.sendall(b"hello")
found["istiod got"] = theirs.recv(5).decode()
found["istiod was asked at"] = asked
found["token"] = (folder / "b_d/istio-proxy/var/run/secrets/tokens/istio-token").read_text()
real.containers["details"].kill()
found["wrong after a kill"] = until(lambda: not real.is_ready)
until(lambda: real.is_ready)
found["restarts"] = [each["restartCount"] for each in real.status()["containerStatuses"]]
holder = real._holder.pid
began = time.monotonic()
while not real.end(30) and time.monotonic() - began < 1:
    time.sleep(0.05)
found["drained"] = (folder / "drained").exists()
found["runs after a second"] = [each.runs for each in real.containers.values()]
while not real.end(30):
    time.sleep(0.05)
found["ends before it is killed"] = 2 < time.monotonic() - began < 20
found["its network is left"] = Path(f"/proc/{holder}/ns/net").exists()
pod.spec.initContainers[0].args = ["istio-iptables", "-c", "eth1"]
try:
    RealPod(pod, "10.244.0.3", "192.0.2.1", folder / "hosts", runtime)
except RedirectionError as error:
    found["what it can't have"] = str(error)
found["holders"] = subprocess.run(
    ["ps", "-A", "-o", "args="], capture_output=True, text=True).stdout.count("sleep infinity")
print(json.dumps(found))
"""


def test_a_pod_lives_and_ends(tmp_path: Path) -> None:
    """It gets ready, reaches istiod by the relay, is restarted, ends in order, leaves nothing."""
    words = isolation.command([sys.executable, "-c", SCRIPT, str(tmp_path)])
    answer = subprocess.run(words, capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {
        "wrong at the start": [],
        "phase": "Running",
        "istiod got": "hello",
        "istiod was asked at": [["127.20.3.4", 15012]],
        "token": "a token",
        "wrong after a kill": ["container details ended with 137: its log is empty"],
        "restarts": [1],
        "drained": True,
        "runs after a second": [True, True],
        "ends before it is killed": True,
        "its network is left": False,
        "what it can't have": "container istio-init: a sandbox can't do `-c eth1`: remove the "
        "annotation traffic.sidecar.istio.io/excludeInterfaces from the pod's template",
        "holders": 0,
    }
