"""A pod as processes: a network namespace with an address, a sidecar, and the programs."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import httpx2
import lightkube
from lightkube.models.core_v1 import Container as ContainerSpec
from lightkube.models.core_v1 import PodStatus, Probe
from lightkube.resources.core_v1 import Pod
from pyroute2.netlink.exceptions import NetlinkError

from sandbox.dataplane import proxy
from sandbox.dataplane.proxy import Programs, Proxy
from sandbox.node import network, status
from sandbox.node.container import Container
from sandbox.node.images import programs
from sandbox.node.images.programs import ImageError
from sandbox.node.network import Redirection
from sandbox.node.porter import ISTIOD_PORT, Door
from sandbox.node.relay import Relays

INIT = "istio-init"
REFRESH_SECONDS = 300.0
PATIENCE = 5.0
"""Seconds in which a namespace must be there."""


class PodError(Exception):
    """A pod's network can't be made."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all pods of the node have in common."""

    client: lightkube.Client
    programs: Programs
    packages: Path
    """The Python packages of productpage."""
    folder: Path
    services: IPv4Network
    door: Door
    relays: Relays
    wake: Callable[[], None]


class RealPod:
    """The processes of one pod, from its start to its end."""

    def __init__(self, pod: Pod, address: str, hosts: Path, around: Surroundings) -> None:
        """Start the pod's network; `hosts` has the names of Services as its namespace sees them."""
        self.address, self._around = address, around
        self.see(pod)
        before = self.pod.status or PodStatus()
        self._folder = around.folder / f"{pod.metadata.namespace}_{pod.metadata.name}"
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
        self._is_initialized = False
        self._proxy = Proxy(pod, self._folder / proxy.CONTAINER)
        self._refreshed = time.monotonic()
        self._kill_at: float | None = None
        self._stop_relay: Callable[[], None] | None = None
        self._holder = self._hold(hosts)
        try:
            self._connect()
        except (NetlinkError, OSError, ValueError) as error:  # a network of IPv6, say
            self.kill()
            raise PodError(f"its network can't be made: {error}") from error

    def see(self, pod: Pod) -> None:
        """Take the pod as the API server has it now; its addresses are what this node gave it."""
        pod.status = pod.status or PodStatus()
        pod.status.podIP, pod.status.hostIP = self.address, str(network.GATEWAY)
        self.pod = pod

    @property
    def is_ready(self) -> bool:
        """Whether all containers are ready, and the pod doesn't end."""
        return self._kill_at is None and all(each.ready for each in self.containers.values())

    def step(self) -> list[str]:
        """Start what has to run, look at all of it, and return what went wrong since."""
        wrong = [each.story for each in self.containers.values() if each.look()]
        for spec in (*self._sidecars, *self.pod.spec.containers):
            container = self.containers[spec.name]
            if not container.runs and not container.waits and not self._start(spec, container):
                wrong.append(container.story)
            if container.runs:
                container.has_started = container.has_started or self._answers(
                    spec, container, spec.startupProbe
                )
                container.ready = container.has_started and self._answers(
                    spec, container, spec.readinessProbe
                )
            # As a kubelet: the next ones start when a native sidecar has started once.
            if not self._is_initialized and spec in self._sidecars and not container.has_started:
                return wrong
        self._is_initialized = True
        return wrong

    def refresh(self) -> None:
        """Renew the sidecar's token and certificates, when it is time for it."""
        has_sidecar = proxy.CONTAINER in self.containers
        if has_sidecar and time.monotonic() - self._refreshed > REFRESH_SECONDS:
            self._refreshed = time.monotonic()
            self._proxy.refresh(self._around.client)

    def end(self, seconds: float) -> bool:
        """End the pod in order, killing what is left after some seconds; return when it has."""
        now = time.monotonic()
        if self._kill_at is None:
            self._kill_at = now + seconds
            for spec in self.pod.spec.containers:
                self.containers[spec.name].terminate()
        applications = [self.containers[spec.name] for spec in self.pod.spec.containers]
        if not any(each.runs for each in applications):
            for spec in self._sidecars:
                self.containers[spec.name].terminate()
        if any(each.runs for each in self.containers.values()) and now < self._kill_at:
            return False
        self.kill()
        return True

    def kill(self) -> None:
        """End everything at once. The network goes with its last process."""
        for container in self.containers.values():
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
            self.pod, self.address, sidecars, containers, is_initialized=is_initialized
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
        script = (
            'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && '
            "exec sleep infinity"
        )
        holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", script, "sh", str(hosts), str(resolver)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert holder.stderr is not None  # noqa: S101 - it is a pipe
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and holder.poll() is None:
            if Path(f"/proc/{holder.pid}/comm").read_text().strip() == "sleep":
                return holder
            time.sleep(0.01)
        holder.kill()
        said = holder.stderr.read().decode(errors="replace").strip()
        raise PodError(f"its namespaces can't be made: {said or 'waited too long'}")

    def _connect(self) -> None:
        process = self._holder.pid
        network.join(process, self.address)
        specs = [*self._sidecars, *self.pod.spec.containers]
        sidecar = next((spec for spec in specs if spec.name == proxy.CONTAINER), None)
        if sidecar is None:
            return
        with network.of(process):
            listening = socket.create_server(("0.0.0.0", ISTIOD_PORT))  # noqa: S104 - of the pod

        # What the agent asked for, an istiod's address, is the address where it was accepted.
        self._stop_relay = self._around.relays.start(
            listening, lambda asked: self._around.door.connect(*asked)
        )
        if (sidecar.args or [])[1:2] == ["sidecar"]:
            network.redirect(process, self.address, self._redirection())

    def _redirection(self) -> Redirection:
        init = next((c for c in self.pod.spec.initContainers or [] if c.name == INIT), None)
        words = (init.args if init else None) or []
        options = dict(zip(words[1::2], words[2::2], strict=False))
        return Redirection(
            services=self._around.services,
            inbound_ports=tuple(_numbers(options.get("-d"))) or network.OWN_PORTS,
            outbound_ports=tuple(_numbers(options.get("-o"))),
            outbound_networks=tuple(
                IPv4Network(each) for each in (options.get("-x") or "").split(",") if each
            ),
        )

    def _start(self, spec: ContainerSpec, container: Container) -> bool:
        """Start a program; return False when it can't be, for a reason that is new."""
        try:
            words, environment, folder = self._program(spec)
        except (ImageError, OSError) as error:
            return not container.fail(str(error))
        process = self._holder.pid
        entering = [
            *("nsenter", f"--net=/proc/{process}/ns/net", f"--mount=/proc/{process}/ns/mnt"),
            *(f"--wd={folder}", "--"),
        ]
        container.start([*entering, *words], environment, self._around.wake)
        return True

    def _program(self, spec: ContainerSpec) -> tuple[list[str], dict[str, str], Path]:
        if spec.name == proxy.CONTAINER:
            shutil.rmtree(self._proxy.folder, ignore_errors=True)
            self._proxy.folder.mkdir(parents=True)
            words, environment = self._proxy.prepare(self._around.client, self._around.programs)
            return words, environment, self._proxy.folder
        program = programs.of(spec.image or "", self._around.packages, self._folder)
        environment = {
            **dict(proxy.environment_of(self.pod, spec)),
            "HOSTNAME": str(self.pod.metadata.name),
            "HOME": str(self._folder),
            **program.environment,
        }
        return list(program.words), environment, program.folder

    def _answers(self, spec: ContainerSpec, container: Container, probe: Probe | None) -> bool:
        if probe is not None and probe.httpGet is not None:
            action = probe.httpGet
            port = self.port(action.port)
            scheme = (action.scheme or "HTTP").lower()
            try:
                return httpx2.get(
                    f"{scheme}://{self.address}:{port}{action.path or '/'}",
                    timeout=probe.timeoutSeconds or 1,
                    verify=False,
                    trust_env=False,
                ).is_success
            except httpx2.HTTPError:
                return False
        # Without a probe a kubelet takes it for ready at once. It is when it listens.
        return spec.name == proxy.CONTAINER or self._listens(programs.PORT)

    def _listens(self, port: int) -> bool:
        with network.of(self._holder.pid), socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0


def _numbers(text: str | None) -> Iterator[int]:
    return (int(number) for number in (text or "").split(",") if number)
