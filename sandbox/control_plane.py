"""The control planes that a sandbox can run: today's Kubernetes, and one of 2019."""

import re
from dataclasses import dataclass
from pathlib import Path

from console import UserError
from sandbox.node import admission
from sandbox.programs import CLUSTER, CLUSTER_1_15, Family


class SandboxError(UserError):
    """The sandbox can't do what was asked; the message says why and what to do."""


NODE = f"kwok-controller=disregard-status-with-annotation-selector={admission.ANNOTATION}"
"""The option with the annotation of pods for which kwok isn't the kubelet."""
KUBELET = "kwok-controller=disregard-status-with-label-selector"
"""The option with the label of pods for which the keeper, not kwok, plays the kubelet."""


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """A version of Kubernetes, and the programs that go with it."""

    families: tuple[Family, ...]
    """All programs of its sandboxes, Kubernetes first."""
    injector: str
    """The program that the keeper runs for Istio's injector."""
    arguments: tuple[str, ...]
    """Arguments of its components: `COMPONENT=ARGUMENT`."""

    @property
    def version(self) -> str:
        """The version of Kubernetes."""
        return self.families[0].version


def kubelet_arguments(pki: Path) -> tuple[str, ...]:
    """Return the arguments with which the API server asks the node's kubelet, and no other."""
    return (
        f"kube-apiserver=kubelet-client-certificate={pki / 'admin.crt'}",
        f"kube-apiserver=kubelet-client-key={pki / 'admin.key'}",
        f"kube-apiserver=kubelet-certificate-authority={pki / 'ca.crt'}",
        # Without a port of its own kwok leaves that which the node's kubelet writes.
        "kwok-controller=node-port=0",
    )


def etcd_arguments(pki: Path, port: int, peer_port: int) -> tuple[str, ...]:
    """Return the arguments with which etcd answers the API server only.

    kwokctl would leave it open to every user of the machine, with all Secrets in it.
    """
    client, peer = f"https://127.0.0.1:{port}", f"https://127.0.0.1:{peer_port}"
    return (
        *(f"etcd={key}={client}" for key in ("listen-client-urls", "advertise-client-urls")),
        *(f"etcd={key}={peer}" for key in ("listen-peer-urls", "initial-advertise-peer-urls")),
        f"etcd=initial-cluster=node0={peer}",
        *(
            f"etcd={side}{key}={value}"
            for side in ("", "peer-")
            for key, value in (
                ("cert-file", pki / "admin.crt"),
                ("key-file", pki / "admin.key"),
                ("trusted-ca-file", pki / "ca.crt"),
                ("client-cert-auth", "true"),
            )
        ),
        f"kube-apiserver=etcd-servers={client}",
        f"kube-apiserver=etcd-certfile={pki / 'admin.crt'}",
        f"kube-apiserver=etcd-keyfile={pki / 'admin.key'}",
        f"kube-apiserver=etcd-cafile={pki / 'ca.crt'}",
    )


TODAY = ControlPlane(
    families=CLUSTER, injector="pilot-discovery", arguments=(f"{KUBELET}=app=istiod", NODE)
)
OF_2019 = ControlPlane(
    families=CLUSTER_1_15,
    injector="sidecar-injector",
    arguments=(
        f"{KUBELET}=istio=sidecar-injector",
        # Ports of fixed numbers and without TLS, two of them on all addresses: gone since 1.24.
        "kube-apiserver=insecure-port=0",
        "kube-controller-manager=port=0",
        "kube-scheduler=port=0",
    ),
)


def minor(version: str) -> str:
    """Return the first two parts of a version."""
    return ".".join(version.split(".")[:2])


OTHERS = {minor(plane.version): plane for plane in (OF_2019,)}
"""Control planes, by minor version, of sandboxes whose names end in that version."""


def older(version: str) -> ControlPlane:
    """Return the control plane of a minor version.

    Raises SandboxError when sandboxes can't run it.
    """
    if version not in OTHERS:
        raise SandboxError(
            f"a sandbox runs Kubernetes {TODAY.version}, or {', '.join(OTHERS)} if its name ends "
            f"in that version: got {version}"
        )
    return OTHERS[version]


def of_sandbox(name: str) -> ControlPlane:
    """Return the control plane of a sandbox by its name.

    A name that ends in a version, such as default-1.15, selects that one, others today's.
    """
    version = re.search(r"-(\d+\.\d+)$", name)
    return TODAY if version is None else older(version[1])


def sandbox_for(name: str, kubernetes: str) -> str:
    """Return the name of the sandbox for a Kubernetes version: `name`, or one derived from it."""
    version = minor(kubernetes)
    suffix = f"-{version}"
    return name if version not in OTHERS or name.endswith(suffix) else name + suffix
