"""The sandbox: a real control plane with fake nodes and real istiods, on loopback only."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import platformdirs
import psutil
import yaml
from lightkube import Client, KubeConfig
from lightkube.resources.core_v1 import Node

import console
from sandbox import control_plane, lock, loopback, processes, toolchain, wheels
from sandbox.cache import ToolchainError
from sandbox.control_plane import SandboxError
from sandbox.node import trial

HOME = Path(os.environ.get("MESH_STATE") or platformdirs.user_state_path("istio-mesh"))
"""The folder of all sandboxes and the state of their stacks, outside every checkout."""

NODES = 2
ADVERTISED = "192.0.2.1"
"""An address reserved for documentation: an API server can't advertise a loopback address."""


@dataclass(frozen=True)
class Component:
    """One process of a sandbox."""

    name: str
    pid: int | None
    """None if the process isn't running."""
    log: Path


class Sandbox:
    """A sandbox by its name; several can run at the same time."""

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[a-z0-9-]{1,30}(-\d+\.\d+)?", name):
            raise SandboxError(
                "a sandbox's name is up to 30 lower-case letters, digits and '-', and may end in a "
                f"version of Kubernetes: got {name!r}"
            )
        self.name = name
        self.control_plane = control_plane.of_sandbox(name)
        self.folder = HOME / "sandboxes" / name
        self.kubeconfig = self.folder / "kubeconfig"
        self.context = f"kwok-{name}"
        self.state = self.folder / "state"
        self.local_ports = self.folder / "local-ports.json"
        self.passphrase_file = self.folder / "passphrase"
        self.logs = self.folder / "kwok" / "clusters" / name / "logs"
        self._cluster = self.folder / "kwok" / "clusters" / name

    def up(self) -> None:
        """Start the sandbox, or those of its processes that don't run.

        Raises ToolchainError or SandboxError.
        """
        _wanted_pods()
        programs = toolchain.ensure(self.control_plane.families)
        with self._locked():
            began = time.monotonic()
            is_kept = self._keeper() is not None and (
                self._node() is not None or self.why_fake is not None
            )
            if self._is_whole() and is_kept:
                console.done("sandbox", f"{self.name} is up")
                return
            self._forget_dead_pids()
            if not self._is_whole():
                if self._cluster.exists():
                    self._kwokctl(programs, "start", "cluster", "--wait", "60s")
                elif not self._try_to_create(programs):
                    # kwokctl chose a free port, but another process took it first.
                    console.say(f"{self._what_ended()} Starting over.")
                    processes.end(processes.all_of(self.folder), patience=1)
                    shutil.rmtree(self._cluster)
                    self._create(programs)
                if not self._nodes_get_ready():
                    raise SandboxError(
                        f"{self._what_ended()} The components' logs are in {self.logs}; to start "
                        f"over, run `make sandbox-down SANDBOX={self.name}` and this command again."
                    )
            self._start_keeper(programs)
            if self.why_fake is None:
                self._start_node(programs)
            self._await_ready()
            seconds = time.monotonic() - began
            console.done("sandbox", f"{self.name} is up ({self.context}), {seconds:.1f} s")

    def down(self) -> None:
        """End the sandbox's processes and delete its folder, with the state of its stacks."""
        if not self.folder.exists():
            console.done("sandbox", f"{self.name} doesn't exist")
            return
        with self._locked(), console.alive(f"sandbox {self.name}: stopping"):
            # These first: the keeper ends the istiods that it started, the node its pods.
            keeper = self._keeper()
            node = self._node()
            processes.end([each for each in (keeper, node) if each], patience=10)
            # Their data is deleted anyway, so there is no need to wait for a clean end.
            processes.end(processes.all_of(self.folder), patience=1)
            for entry in self.folder.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif entry.name != "lock":
                    entry.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)
        console.done("sandbox", f"{self.name} is deleted")

    def older(self) -> list[str]:
        """List the existing sandboxes of older Kubernetes versions for stacks of this sandbox."""
        names = (control_plane.sandbox_for(self.name, other) for other in control_plane.OTHERS)
        return [
            name for name in names if name != self.name and (HOME / "sandboxes" / name).exists()
        ]

    def components(self) -> list[Component]:
        """Return the sandbox's processes, including those that should run but don't."""
        found = self._kwok_components()
        keeper = self._keeper()
        found.append(
            Component("keeper", keeper.pid if keeper else None, self.folder / "keeper.log")
        )
        if self.why_fake is None:
            node = self._node()
            found.append(Component("node", node.pid if node else None, self.folder / "node.log"))
        for pid_file in sorted(self.folder.glob("*/*/pid")):
            process = processes.of_file(pid_file, self.folder)
            found.append(
                Component(
                    f"{pid_file.parent.parent.name} {pid_file.parent.name}",
                    process.pid if process else None,
                    pid_file.parent / "log",
                )
            )
        return found

    def containers(self) -> list[Component]:
        """Return the containers of pods that are or were processes, without their pids."""
        logs = sorted((self.folder / "pods").glob("*/*.log"))
        return [Component(f"{log.parent.name} {log.stem}", None, log) for log in logs]

    def _kwok_components(self) -> list[Component]:
        found = []
        for log in sorted(self.logs.glob("*.log")):
            name = log.stem
            pid_file = self._cluster / "pids" / f"{name}.pid"
            process = processes.of_file(pid_file, self.folder)
            found.append(Component(name, process.pid if process else None, log))
        return found

    def _is_whole(self) -> bool:
        # Some components end when they can't reach the API server for too long.
        return self.is_up() and not self._ended()

    def is_up(self) -> bool:
        """Return whether the sandbox's API server answers."""
        if not self.kubeconfig.exists():
            return False
        config = yaml.safe_load(self.kubeconfig.read_text())
        clusters = {entry["name"]: entry["cluster"] for entry in config["clusters"]}
        server = clusters.get(self.context, {}).get("server")
        try:
            # The path is public on every API server, and this one is the sandbox's, on loopback.
            # /readyz came with Kubernetes 1.16.
            return httpx2.get(f"{server}/healthz", verify=False, timeout=2).is_success
        except httpx2.HTTPError:
            return False

    def _try_to_create(self, programs: dict[str, Path]) -> bool:
        """Create the sandbox; return False when one of its components ended."""
        try:
            self._create(programs)
        except SandboxError:
            if self._ended():
                return False
            raise
        return self._nodes_get_ready()

    def _ended(self) -> list[Component]:
        return [component for component in self._kwok_components() if not component.pid]

    def _create(self, programs: dict[str, Path]) -> None:
        self._make_folder()
        why_fake = self._why_fake()
        waiting = f"sandbox {self.name}: waiting until another sandbox is created"
        with lock.held(HOME / "create.lock", waiting):
            taken = [
                json.loads(other.read_text())["network"]
                for other in HOME.glob("sandboxes/*/sandbox.json")
            ]
            network = loopback.free_network(taken)
            pki = self._cluster / "pki"
            etcd = loopback.free_ports(2)
            arguments = (
                f"kube-apiserver=service-cluster-ip-range={network}",
                # Else it looks for a default route, and there may be none: nothing connects to it.
                f"kube-apiserver=advertise-address={ADVERTISED}",
                # There is only one of each, and with leader election each would end when it can't
                # renew its lease because the API server was killed.
                "kube-controller-manager=leader-elect=false",
                "kube-scheduler=leader-elect=false",
                # Fake nodes don't fail. After a restart kwok waits until the lease of the earlier
                # kwok ends, which takes as long as the default of this period. Then the nodes, and
                # so their pods, would become not Ready, and the pods would stay so.
                "kube-controller-manager=node-monitor-grace-period=24h",
                *self.control_plane.arguments,
                *control_plane.etcd_arguments(pki, *etcd),
                *(() if why_fake else control_plane.kubelet_arguments(pki)),
            )
            config = self.folder / "kwokctl.yaml"
            config.write_text(yaml.safe_dump(_kwokctl_configuration(arguments, *etcd)))
            with console.alive(f"sandbox {self.name}: starting a control plane"):
                self._kwokctl(
                    programs,
                    *("create", "cluster", "--wait", "60s", "--runtime", "binary"),
                    *("--config", str(config), "--kubeconfig", str(self.kubeconfig)),
                    *(
                        f"--{option}-binary={programs[program]}"
                        for option, program in (
                            ("etcd", "etcd"),
                            ("kube-apiserver", "kube-apiserver"),
                            ("kube-controller-manager", "kube-controller-manager"),
                            ("kube-scheduler", "kube-scheduler"),
                            ("kwok-controller", "kwok"),
                        )
                    ),
                )
            self._kwokctl(
                programs,
                *("scale", "node", "--replicas", str(NODES)),
                # istiod asks the nodes whether they know native sidecars.
                *("--param", f'.nodeInfo.kubeletVersion="v{self.control_plane.version}"'),
            )
        self.keep_state()
        made = {"network": network, "pods": "fake" if why_fake else "real", "why_fake": why_fake}
        (self.folder / "sandbox.json").write_text(json.dumps(made))

    def _nodes_get_ready(self) -> bool:
        """Wait until the nodes are Ready; return False if they aren't or a component ended."""
        config = KubeConfig.from_file(self.kubeconfig).get(self.context)
        waiting = console.alive(f"sandbox {self.name}: waiting for its nodes")
        with waiting, Client(config, timeout=httpx2.Timeout(10)) as client:
            for _ in range(300):
                if self._ended():
                    return False
                if _ready_nodes(client) == NODES:
                    return True
                time.sleep(0.1)
        return False

    def _what_ended(self) -> str:
        reasons = [f"{each.name} ended: {_last_line(each.log)}" for each in self._ended()]
        why = "; ".join(reasons) or "waited 30 s"
        return f"sandbox {self.name} has no nodes that are Ready: {why}."

    def keep_state(self) -> None:
        """Create the folder of the stacks' state, which needs no cluster."""
        self._make_folder()
        self.state.mkdir(exist_ok=True)
        if not self.passphrase_file.exists():
            self.passphrase_file.touch(mode=0o600)
            self.passphrase_file.write_text(secrets.token_urlsafe(24))

    def _make_folder(self) -> None:
        """Create the sandbox's folder, which only its user can enter."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # kwokctl lets the user's group read the keys, and Pulumi lets everybody read the state.
        self.folder.chmod(0o700)

    def _kwokctl(self, programs: dict[str, Path], *arguments: str) -> None:
        said = self.folder / "kwokctl.log"
        with said.open("a") as log:
            process = subprocess.Popen(
                [programs["kwokctl"], "--name", self.name, *arguments],
                env={
                    **os.environ,
                    # kwokctl downloads kubectl if PATH has none: the one in venv/ prevents that.
                    "PATH": os.pathsep.join(
                        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
                    ),
                    "KWOK_WORKDIR": str(self.folder / "kwok"),
                    "KUBECONFIG": str(self.kubeconfig),
                },
                stdout=log,
                stderr=log,
            )
        if arguments[0] == "create":
            self._give_up_on_a_lost_component(process)
        if process.wait():
            raise SandboxError(
                f"sandbox {self.name}: kwokctl {' '.join(arguments[:2])} failed: {_last_line(said)}"
                f"\nIts output is in {said}, and the components' logs are in {self.logs}. To start "
                f"over, run `make sandbox-down SANDBOX={self.name}` and this command again."
            )

    def _give_up_on_a_lost_component(self, kwokctl: subprocess.Popen) -> None:
        # kwokctl would wait three minutes for an API server that has ended.
        lost: list[Component] = []
        while kwokctl.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                kwokctl.wait(0.5)
            # A component's log exists a moment before its process.
            before, lost = lost, self._ended()
            if any(component in before for component in lost):
                kwokctl.terminate()

    def _start_keeper(self, programs: dict[str, Path]) -> None:
        if self._keeper() is None:
            self._start("keeper", programs[self.control_plane.injector])

    def _start(self, name: str, *arguments: Path) -> subprocess.Popen:
        """Start a package of this one in the background, with a log and a file with its pid."""
        with (self.folder / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"sandbox.{name}", self.folder, *arguments],
                cwd=Path(__file__).parent.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (self.folder / f"{name}.pid").write_text(str(process.pid))
        return process

    @property
    def why_fake(self) -> str | None:
        """Why all pods are only objects, or None when those of known images are processes."""
        file = self.folder / "sandbox.json"
        made = json.loads(file.read_text()) if file.exists() else {}
        if "why_fake" not in made:
            return (
                f"sandbox {self.name} was made before they could be processes: run `make "
                f"sandbox-down SANDBOX={self.name}` and `make up` for a new one"
            )
        return made["why_fake"]

    def _why_fake(self) -> str | None:
        if "PODS" not in os.environ:
            return (
                f"sandbox {self.name} was made by another command than `make up`: run `make "
                f"sandbox-down SANDBOX={self.name}` and `make up` for a new one"
            )
        if _wanted_pods() == "fake":
            return "PODS=fake"
        if self.control_plane is not control_plane.TODAY:
            return f"Kubernetes {self.control_plane.version} has no means to select them"
        with console.alive(f"sandbox {self.name}: trying whether pods can be processes here"):
            reason = trial.why_not()
        if reason is not None:
            return reason
        try:
            wheels.envoy_program()
            wheels.productpage_packages()
        except ToolchainError as error:
            return " ".join(str(error).split())
        return None

    def _start_node(self, programs: dict[str, Path]) -> None:
        if self._node() is not None:
            return
        agent = programs["pilot-agent"]
        file, ready = self.folder / "node.log", self.folder / "node.ready"
        ready.unlink(missing_ok=True)
        process = self._start(
            "node",
            wheels.productpage_packages(),
            agent,
            wheels.envoy_program(),
            agent.parent / "envoy_bootstrap.json",
        )
        # Before it is ready, new pods would become fake ones; without it, no pod would start.
        with console.alive(f"sandbox {self.name}: starting the node of its pods"):
            for _ in range(300):
                if ready.exists():
                    return
                if process.poll() is not None:
                    break
                time.sleep(0.1)
        process.kill()
        raise SandboxError(
            f"sandbox {self.name}: the node of its pods can't be started: {_last_line(file)}\n"
            f"Its log is {file}. For pods that are only objects, run `make sandbox-down "
            f"SANDBOX={self.name}` and `make up PODS=fake`."
        )

    def _node(self) -> psutil.Process | None:
        return processes.of_file(self.folder / "node.pid", self.folder)

    def _await_ready(self) -> None:
        with console.alive(f"sandbox {self.name}: waiting for the API server"):
            for _ in range(300):
                if self.is_up():
                    return
                time.sleep(0.1)
        raise SandboxError(
            f"sandbox {self.name}: its API server didn't answer within 30 s; its log is in "
            f"{self.logs}. To start over, run `make sandbox-down SANDBOX={self.name}` and this "
            "command again."
        )

    def _keeper(self) -> psutil.Process | None:
        return processes.of_file(self.folder / "keeper.pid", self.folder)

    def _forget_dead_pids(self) -> None:
        # kwokctl trusts a pid file, and would take an unrelated process for its component.
        for pid_file in (self._cluster / "pids").glob("*.pid"):
            if processes.of_file(pid_file, self.folder) is None:
                pid_file.unlink()

    def _locked(self) -> AbstractContextManager[None]:
        waiting = f"sandbox {self.name}: waiting for another command that uses it"
        return lock.held(self.folder / "lock", waiting)


def _wanted_pods() -> str:
    """Return what the pods of known images shall be: real (processes) or fake (objects only)."""
    wanted = os.environ.get("PODS", "fake")
    if wanted not in ("real", "fake"):
        raise SandboxError(f"PODS must be real or fake, got {wanted!r}")
    return wanted


def _kwokctl_configuration(
    arguments: Iterable[str], etcd_port: int, etcd_peer_port: int
) -> dict[str, object]:
    # Not by --extra-args: with several for several components, kwokctl 0.8 mixes them up.
    patches: dict[str, list[dict[str, object]]] = {}
    for argument in arguments:
        component, key, value = argument.split("=", 2)
        # The API server would take a second list of servers in addition to kwokctl's.
        patch: dict[str, object] = {"key": key, "value": value, "override": key == "etcd-servers"}
        patches.setdefault(component, []).append(patch)
    return {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "options": {
            **{"bindAddress": "127.0.0.1", "disableQPSLimits": True},
            **{"etcdPort": etcd_port, "etcdPeerPort": etcd_peer_port},
        },
        "componentsPatches": [
            {"name": component, "extraArgs": extra} for component, extra in patches.items()
        ],
    }


def _ready_nodes(client: Client) -> int:
    try:
        nodes = list(client.list(Node))
    except httpx2.HTTPError:
        return 0
    conditions = [c for node in nodes if node.status for c in node.status.conditions or []]
    return sum((c.type, c.status) == ("Ready", "True") for c in conditions)


def _last_line(log: Path) -> str:
    return next(iter(log.read_text().splitlines()[-1:]), "its log is empty")
