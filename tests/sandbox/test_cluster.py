"""Two sandboxes side by side, on loopback only, and gone without a trace."""

import os
import socket
import threading
import time
from pathlib import Path

import httpx2
import psutil
import pytest
import yaml
from lightkube import Client, KubeConfig
from lightkube.resources.core_v1 import Node

from sandbox import loopback, processes
from sandbox.cluster import Sandbox, SandboxError
from sandbox.programs import KUBERNETES


def test_two_run_side_by_side_on_loopback_only(cluster: Sandbox) -> None:
    """Each has ports, a network and processes of its own, and all listen on loopback."""
    other = Sandbox(f"other-{os.getpid()}")
    try:
        other.up()
        assert cluster.is_up()
        assert other.is_up()
        ours, theirs = _listening(cluster), _listening(other)
        assert ours
        assert theirs
        assert not {port for _, port in ours} & {port for _, port in theirs}
        assert all(ip.startswith("127.") for ip, _ in ours | theirs)
        pids = [component.pid for component in other.components()]
        assert None not in pids
    finally:
        other.down()

    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not other.folder.exists()
    assert cluster.is_up()


def test_nobody_without_a_key_is_answered(cluster: Sandbox) -> None:
    """Every user of this machine can connect: the API server and etcd want to know who asks."""
    [entry] = yaml.safe_load(cluster.kubeconfig.read_text())["clusters"]
    server = entry["cluster"]["server"]
    pids = {component.name: component.pid for component in cluster.components()}
    etcd = psutil.Process(pids["etcd"]).net_connections(kind="tcp")
    ports = {each.laddr.port for each in etcd if each.status == psutil.CONN_LISTEN}
    body = {"key": "AA==", "range_end": "AA=="}  # everything

    with httpx2.Client(verify=False, trust_env=False) as client:
        for token in ({}, {"authorization": "Bearer of-nobody"}):
            asked = client.get(f"{server}/api/v1/secrets", headers=token)
            assert asked.status_code in (401, 403)
        assert len(ports) == 2
        for port in ports:
            for scheme in ("http", "https"):
                with pytest.raises(httpx2.TransportError):
                    client.post(f"{scheme}://127.0.0.1:{port}/v3/kv/range", json=body)


def test_one_that_lost_a_port_starts_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kwokctl chooses free ports, and somebody else may take one before its component does."""
    create, made = Sandbox._create, []

    def create_and_lose_one(sandbox: Sandbox, programs: dict[str, Path]) -> None:
        create(sandbox, programs)
        if not made:
            pids = {component.name: component.pid for component in sandbox.components()}
            psutil.Process(pids["kwok-controller"]).kill()
        made.append(sandbox)

    monkeypatch.setattr(Sandbox, "_create", create_and_lose_one)
    other = Sandbox(f"again-{os.getpid()}")
    try:
        other.up()
        assert len(made) == 2
        assert None not in [component.pid for component in other.components()]
    finally:
        other.down()


def test_one_whose_api_server_ends_at_once_starts_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server, too, may have lost its port, and kwokctl would wait minutes for it."""
    create, made = Sandbox._create, []

    def create_beside_a_killer(sandbox: Sandbox, programs: dict[str, Path]) -> None:
        made.append(sandbox)
        if len(made) == 1:
            threading.Thread(target=kill_the_api_server, args=(sandbox,)).start()
        create(sandbox, programs)

    def kill_the_api_server(sandbox: Sandbox) -> None:
        pids: dict[str, int | None] = {}
        while not pids.get("kube-apiserver"):
            time.sleep(0.05)
            pids = {component.name: component.pid for component in sandbox.components()}
        psutil.Process(pids["kube-apiserver"]).kill()

    monkeypatch.setattr(Sandbox, "_create", create_beside_a_killer)
    other = Sandbox(f"early-{os.getpid()}")
    try:
        other.up()
        assert len(made) == 2
        assert None not in [component.pid for component in other.components()]
    finally:
        other.down()


def test_the_nodes_say_the_version_of_the_cluster(cluster: Sandbox) -> None:
    """As real ones do: istiod makes native sidecars by what the kubelets say."""
    config = KubeConfig.from_file(cluster.kubeconfig).get(cluster.context)
    with Client(config) as client:
        infos = [node.status and node.status.nodeInfo for node in client.list(Node)]

    assert {info and info.kubeletVersion for info in infos} == {f"v{KUBERNETES.version}"}


def test_up_is_idempotent(cluster: Sandbox) -> None:
    """A second `up` leaves every process as it is."""
    before = [component.pid for component in cluster.components()]

    cluster.up()

    assert [component.pid for component in cluster.components()] == before


def test_a_strangers_process_is_never_ended(cluster: Sandbox, tmp_path: Path) -> None:
    """A pid file whose number is somebody else's by now names no process of ours."""
    stale = tmp_path / "etcd.pid"
    stale.write_text(str(os.getppid()))

    assert processes.of_file(stale, cluster.folder) is None


def test_a_name_that_cannot_be_a_folder_is_refused() -> None:
    """A sandbox's name is checked before anything is made."""
    with pytest.raises(SandboxError, match="lower-case letters"):
        Sandbox("../x")


def test_a_user_who_may_not_listen_is_told_how_to_allow_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Port 443 is where the API server dials webhooks: without leave to it, the remedy is told."""

    class Refusing:
        def __enter__(self) -> "Refusing":
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def bind(self, _: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(SandboxError, match="ip_unprivileged_port_start"):
        loopback.free_network([])


def _listening(sandbox: Sandbox) -> set[tuple[str, int]]:
    found = set()
    for component in sandbox.components():
        for connection in psutil.Process(component.pid).net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN:
                found.add((connection.laddr.ip, connection.laddr.port))
    return found
