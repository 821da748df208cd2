"""A pod as processes: a network namespace with an address, a sidecar, and the programs."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path

import lightkube
from lightkube.models.core_v1 import Container as ContainerSpec
from lightkube.models.core_v1 import PodStatus, Probe, TCPSocketAction
from lightkube.resources.core_v1 import Pod
from pyroute2.netlink.exceptions import NetlinkError

from sandbox.dataplane import proxy
from sandbox.dataplane.proxy import Programs, Proxy
from sandbox.node import environment, istio_init, network, probes, status
from sandbox.node.container import Container, Failure
from sandbox.node.environment import VariableError
from sandbox.node.host_sockets import ISTIOD_PORT, HostSocketsClient
from sandbox.node.images import programs
from sandbox.node.images.programs import ImageError
from sandbox.node.probes import Prober
from sandbox.node.relay import Relays

REFRESH_SECONDS = 300.0
GRACE_SECONDS = 30.0
"""The time in which a program ends by itself, if the pod doesn't say another one."""
CREATE_SECONDS = 5.0
"""The time in which a namespace must be there."""
LISTENS = Probe(tcpSocket=TCPSocketAction(port=programs.PORT))
"""What makes an application without a probe ready: a kubelet would take it for ready at once."""


class PodError(Exception):
    """A pod's network can't be made."""


@dataclass(frozen=True)
class Happened:
    """Something for the pod's events: Normal or Warning, the reason, and a message."""

    kind: str
    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What all pods of the node have in common."""

    client: lightkube.Client
    programs: Programs
    packages: Path
    """The Python packages of productpage."""
    folder: Path
    services: IPv4Network
    sockets: HostSocketsClient
    relays: Relays
    wake: Callable[[], None]


class RealPod:
    """The processes of one pod, from its start to its end."""

    def __init__(self, pod: Pod, address: str, host: str, hosts: Path, runtime: Runtime) -> None:
        """Start the pod's network.

        `host` is the node's address; `hosts` has the names of Services as its namespace sees them.
        """
        self.address, self._host, self._runtime = address, host, runtime
        self.see(pod)
        before = self.pod.status or PodStatus()
        self._folder = runtime.folder / f"{pod.metadata.namespace}_{pod.metadata.name}"
        self._folder.mkdir(parents=True, exist_ok=True)
        earlier = [
            *(before.containerStatuses or []),
            *(before.initContainerStatuses or []),
        ]
        # A node that was killed took the pods' processes with it: this is a restart.
        restarts = {each.name: each.restartCount + 1 for each in earlier if each.started}
        self._sidecars = [
            spec for spec in pod.spec.initContainers or [] if spec.restartPolicy == "Always"
        ]
        self.containers = {
            spec.name: Container(
                name=spec.name,
                image=spec.image or "",
                log=self._folder / f"{spec.name}.log",
                restarts=restarts.get(spec.name, 0),
            )
            for spec in (*self._sidecars, *pod.spec.containers)
        }
        self._probers: dict[str, Prober] = {}
        self._is_initialized = False
        self._proxy = Proxy(pod, self._folder / proxy.CONTAINER)
        self._refreshed = time.monotonic()
        grace = pod.spec.terminationGracePeriodSeconds
        self._grace = GRACE_SECONDS if grace is None else grace
        self._kill_at: float | None = None
        self._before_end: dict[str, subprocess.Popen[bytes] | None] = {}
        """The `preStop` commands of programs that aren't asked to end yet."""
        self._stop_relay: Callable[[], None] | None = None
        redirection = istio_init.redirection(pod, runtime.services)
        self._holder = self._hold(hosts)
        try:
            self._connect(redirection)
        except (NetlinkError, OSError, ValueError) as error:  # a network of IPv6, say
            self.kill()
            raise PodError(f"its network can't be made: {error}") from error

    def see(self, pod: Pod) -> None:
        """Take the pod as the API server has it now; its addresses are what this node gave it."""
        pod.status = pod.status or PodStatus()
        pod.status.podIP, pod.status.hostIP = self.address, self._host
        self.pod = pod

    @property
    def is_ready(self) -> bool:
        """Whether all containers are ready, and the pod doesn't end."""
        return self._kill_at is None and all(each.ready for each in self.containers.values())

    def step(self) -> list[Happened]:
        """Start what has to run, look at all of it, and return what happened since."""
        happened = []
        for container in self.containers.values():
            if container.check_end():
                self._stop_probes(container)
                happened.append(Happened("Warning", "BackOff", container.summary))
        for spec in (*self._sidecars, *self.pod.spec.containers):
            container = self.containers[spec.name]
            if not container.runs and not container.waits and not self._start(spec, container):
                happened.append(Happened("Warning", "Failed", container.summary))
            if (prober := self._probers.get(spec.name)) is not None:
                happened += self._take(prober, container)
            # As a kubelet: the next ones start when a native sidecar has started once.
            if not self._is_initialized and spec in self._sidecars and not container.has_started:
                return happened
        self._is_initialized = True
        return happened

    def _take(self, prober: Prober, container: Container) -> list[Happened]:
        """Take over what the probes of a container found."""
        container.has_started = container.runs and prober.has_started
        container.ready = container.runs and prober.is_ready
        happened = []
        while prober.told:
            happened.append(Happened("Warning", "Unhealthy", prober.told.pop(0)))
        if prober.failed is not None:
            self._stop_probes(container)
            container.terminate(self._grace)
            why = f"Container {container.name} failed {prober.failed} probe, will be restarted"
            happened.append(Happened("Normal", "Killing", why))
        return happened

    def refresh(self) -> None:
        """Renew the sidecar's token and certificates, when it is time for it."""
        has_sidecar = proxy.CONTAINER in self.containers
        if has_sidecar and time.monotonic() - self._refreshed > REFRESH_SECONDS:
            self._refreshed = time.monotonic()
            self._proxy.refresh(self._runtime.client)

    def command(self, name: str, words: Sequence[str]) -> tuple[list[str], dict[str, str]] | None:
        """Return how to run a program in a container, or None while that doesn't run."""
        container = self.containers.get(name)
        if container is None or not container.runs:
            return None
        return [*self._entering(Path("/")), *words], dict(container.environment)

    def end(self, seconds: float) -> bool:
        """End the pod in order, killing what is left after some seconds; return when it has.

        As by a kubelet: all `preStop` commands run at once. A program is asked to end after its
        own, and a sidecar's after the applications.
        """
        now = time.monotonic()
        if self._kill_at is None:
            self._kill_at = now + seconds
            for spec in (*self._sidecars, *self.pod.spec.containers):
                self._before_end[spec.name] = self._start_pre_stop(spec)
        applications = [spec.name for spec in self.pod.spec.containers]
        self._terminate(applications)
        if not any(self.containers[name].runs for name in applications):
            self._terminate([spec.name for spec in self._sidecars])
        if any(each.runs for each in self.containers.values()) and now < self._kill_at:
            return False
        self.kill()
        return True

    def _start_pre_stop(self, spec: ContainerSpec) -> subprocess.Popen[bytes] | None:
        hook = spec.lifecycle.preStop if spec.lifecycle else None
        words = hook.exec.command if hook and hook.exec else None
        found = self.command(spec.name, words) if words else None
        if found is None:
            return None
        quiet = subprocess.DEVNULL
        return subprocess.Popen(found[0], env=found[1], stdin=quiet, stdout=quiet, stderr=quiet)

    def _terminate(self, names: Sequence[str]) -> None:
        """Ask programs to end, each once and after its `preStop` command."""
        for name in names:
            command = self._before_end.get(name)
            if name in self._before_end and (command is None or command.poll() is not None):
                del self._before_end[name]
                self.containers[name].terminate()

    def kill(self) -> None:
        """End everything at once. The network goes with its last process."""
        for command in filter(None, self._before_end.values()):
            command.kill()
            command.wait()
        for container in self.containers.values():
            self._stop_probes(container)
            container.kill()
        if self._stop_relay is not None:
            self._stop_relay()
        self._holder.kill()
        self._holder.wait()
        shutil.rmtree(self._folder / proxy.CONTAINER, ignore_errors=True)

    def status(self) -> dict[str, object]:
        """Return the pod's status."""
        sidecars = [self.containers[spec.name] for spec in self._sidecars]
        containers = [self.containers[spec.name] for spec in self.pod.spec.containers]
        is_initialized = self._is_initialized or all(each.has_started for each in sidecars)
        return status.of(
            self.pod, self.address, self._host, sidecars, containers, is_initialized=is_initialized
        )

    def port(self, target: int | str) -> int | None:
        """Return the number of a Service's target port."""
        if isinstance(target, int):
            return target
        ports = [port for spec in self.pod.spec.containers for port in spec.ports or []]
        return next((port.containerPort for port in ports if port.name == target), None)

    def _hold(self, hosts: Path) -> subprocess.Popen[bytes]:
        """Start the process that holds the pod's namespaces; Kubernetes calls it pause."""
        resolver = self._folder / "resolv.conf"
        # Names that no Service has fail at once: there is no way out.
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        holder = subprocess.Popen(
            network.holding(hosts, resolver),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert holder.stderr is not None  # noqa: S101 - it is a pipe
        deadline = time.monotonic() + CREATE_SECONDS
        while time.monotonic() < deadline and holder.poll() is None:
            if network.is_held(holder.pid):
                return holder
            time.sleep(0.01)
        holder.kill()
        said = holder.stderr.read().decode(errors="replace").strip()
        raise PodError(f"its namespaces can't be made: {said or 'waited too long'}")

    def _connect(self, redirection: network.Redirection | None) -> None:
        process = self._holder.pid
        network.join(process, self.address)
        specs = [*self._sidecars, *self.pod.spec.containers]
        sidecar = next((spec for spec in specs if spec.name == proxy.CONTAINER), None)
        if sidecar is None:
            return
        with network.of(process):
            listening = socket.create_server(("0.0.0.0", ISTIOD_PORT))  # noqa: S104 - of the pod

        # What the agent asked for, an istiod's address, is the address where it was accepted.
        self._stop_relay = self._runtime.relays.start(
            listening, lambda asked: self._runtime.sockets.connect(*asked)
        )
        if redirection is not None:
            network.redirect(process, self.address, redirection)

    def _start(self, spec: ContainerSpec, container: Container) -> bool:
        """Start a program; return False when it can't be, for a reason that is new."""
        try:
            words, variables, folder = self._program(spec)
            container.start([*self._entering(folder), *words], variables, self._runtime.wake)
        except ImageError as error:
            return not container.fail(Failure("ErrImagePull", str(error)))
        except VariableError as error:
            return not container.fail(Failure("CreateContainerConfigError", str(error)))
        except OSError as error:  # a full disk, say
            return not container.fail(Failure("CreateContainerError", str(error)))
        otherwise = None if spec.name == proxy.CONTAINER else LISTENS
        ask = partial(self._ask, container)
        prober = probes.prober(spec, ask, time.monotonic(), otherwise)
        self._probers[spec.name] = prober
        prober.start(self._runtime.wake)
        return True

    def _stop_probes(self, container: Container) -> None:
        if (prober := self._probers.pop(container.name, None)) is not None:
            prober.end()

    def _entering(self, folder: Path) -> list[str]:
        """Return the words before a command that run it in the pod, in a folder."""
        namespaces = f"/proc/{self._holder.pid}/ns"
        return [
            "nsenter",
            f"--net={namespaces}/net",
            f"--mount={namespaces}/mnt",
            f"--wd={folder}",
            "--",
        ]

    def _ask(self, container: Container, probe: Probe) -> str | None:
        """Make a probe of a container once; return why it failed, or None."""
        if probe is LISTENS:
            return None if self._listens(programs.PORT) else f"nothing listens on {programs.PORT}"
        if probe.exec is not None:
            found = self.command(container.name, probe.exec.command or [])
            return "it doesn't run" if found is None else probes.ask_program(probe, *found)
        action = probe.httpGet or probe.tcpSocket
        if action is None:
            return "a sandbox has HTTP, TCP and exec probes, and no gRPC probes"
        port = self.port(action.port)
        if port is None:
            return f"no container's port is named {action.port}"
        if probe.httpGet is not None:
            return probes.ask_http(probe, self.address, port)
        return probes.ask_tcp(probe, action.host or self.address, port)

    def _program(self, spec: ContainerSpec) -> tuple[list[str], dict[str, str], Path]:
        if spec.name == proxy.CONTAINER:
            shutil.rmtree(self._proxy.folder, ignore_errors=True)
            self._proxy.folder.mkdir(parents=True)
            words, variables = self._proxy.prepare(self._runtime.client, self._runtime.programs)
            return words, variables, self._proxy.folder
        program = programs.of(spec.image or "", self._runtime.packages, self._folder)
        words = (*(spec.command or program.words), *(spec.args or []))
        variables = {
            **environment.of(self._runtime.client, self.pod, spec),
            "HOSTNAME": str(self.pod.metadata.name),
            "HOME": str(self._folder),
            **program.environment,
        }
        return list(words), variables, program.folder

    def _listens(self, port: int) -> bool:
        with network.of(self._holder.pid), socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0
