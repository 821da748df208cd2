"""The pods' network: a bridge, an address for each pod, and the redirection of Istio's sidecars."""

import struct
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from socket import inet_aton
from typing import Any

from pyroute2 import IPRoute, netns
from pyroute2.nftables.expressions import genex, verdict
from pyroute2.nftables.main import NFTables

from sandbox.dataplane.proxy import MARK
from sandbox.node.host_sockets import ISTIOD_PORT, LOOPBACK

PODS = IPv4Network("10.244.0.0/16")
"""The pods' addresses: a network that kwok doesn't take the fake pods' addresses from."""
GATEWAY = PODS[1]
BRIDGE = "pods"
FROM_SIDECAR = "127.0.0.6"
"""The address from which a sidecar connects to its application."""
TUNNEL = 15008
"""The port of HBONE, which no rule redirects."""

ACCEPT, NAT_PRIORITY = 1, -100
EQUAL, NOT_EQUAL = 0, 1
META_MARK, META_IN, META_OUT, META_PROTOCOL = 3, 6, 7, 16
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
TCP = b"\x06"

Expressions = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Redirection:
    """Which of a pod's connections its sidecar gets, and on which of its ports."""

    services: IPv4Network
    """The network of Services: the sidecar's agent reaches istiod there."""
    outbound: int = 15001
    """The port for the pod's own connections."""
    inbound: int = 15006
    """The port for connections to the pod."""
    inbound_ports: tuple[int, ...] | None = None
    """The ports whose connections it gets; None is for all."""
    excluded_inbound_ports: tuple[int, ...] = ()
    outbound_ports: tuple[int, ...] = ()
    """Ports whose connections it gets to all networks."""
    excluded_outbound_ports: tuple[int, ...] = ()
    outbound_networks: tuple[IPv4Network, ...] = ()
    excluded_outbound_networks: tuple[IPv4Network, ...] = ()


def set_up() -> None:
    """Make the bridge that the pods' networks are joined to."""
    with IPRoute() as routes:
        routes.link("set", index=routes.link_lookup(ifname="lo")[0], state="up")
        routes.link("add", ifname=BRIDGE, kind="bridge")
        bridge = routes.link_lookup(ifname=BRIDGE)[0]
        routes.addr("add", index=bridge, address=str(GATEWAY), prefixlen=PODS.prefixlen)
        routes.link("set", index=bridge, state="up")


def holding(hosts: Path, resolver: Path) -> list[str]:
    """Return the command that holds a pod's namespaces, with its files for names mounted."""
    script = (
        'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && exec sleep infinity'
    )
    return ["unshare", "--net", "--mount", "sh", "-c", script, "sh", str(hosts), str(resolver)]


def is_held(process: int) -> bool:
    """Return whether such a command has made the namespaces."""
    return Path(f"/proc/{process}/comm").read_text().strip() == "sleep"


@contextmanager
def of(process: int) -> Generator[None]:
    """Make this thread's sockets in the network of a process."""
    own = Path("/proc/thread-self/ns/net")
    with own.open() as ours:
        netns.setns(f"/proc/{process}/ns/net")
        try:
            yield
        finally:
            netns.setns(ours.fileno())


def join(process: int, address: str) -> None:
    """Join the network of a process to the bridge, under an address."""
    outside = f"pod{process}"
    with IPRoute() as routes:
        routes.link(
            "add", ifname=outside, kind="veth", peer={"ifname": "eth0", "net_ns_pid": process}
        )
        bridge = routes.link_lookup(ifname=BRIDGE)[0]
        index = routes.link_lookup(ifname=outside)[0]
        routes.link("set", index=index, master=bridge, state="up")
    with of(process), IPRoute() as routes:
        routes.link("set", index=routes.link_lookup(ifname="lo")[0], state="up")
        index = routes.link_lookup(ifname="eth0")[0]
        routes.addr("add", index=index, address=address, prefixlen=PODS.prefixlen)
        routes.link("set", index=index, state="up")
        # It leads nowhere, but without a route a connection fails before it can be redirected.
        routes.route("add", dst="default", gateway=str(GATEWAY))


def redirect(process: int, address: str, redirection: Redirection) -> None:
    """Redirect a pod's connections to its sidecar, by the rules of Istio's init container.

    Istio knows the sidecar's own connections by their user. Here all processes have one user, so
    the sidecar marks them. Addresses of Services are loopback addresses, which Istio wouldn't
    redirect: only 127.0.0.1 itself and the pod's own address are left alone.
    """
    r, accept = redirection, verdict(ACCEPT)
    own = (*_mark(EQUAL), *_out_by("lo"), *_to(LOOPBACK, NOT_EQUAL), *_port(TUNNEL, NOT_EQUAL))
    output: tuple[Expressions, ...] = (
        *([*_port(port), *accept] for port in r.excluded_outbound_ports),
        [*_from(FROM_SIDECAR), *accept],
        [*own, *_redirect(r.inbound)],
        [*_mark(EQUAL), *accept],
        *([*_to(alone), *accept] for alone in (LOOPBACK, address)),
        [*_within(r.services), *_port(ISTIOD_PORT), *accept],
        *([*_within(each), *accept] for each in r.excluded_outbound_networks),
        *([*_port(port), *_redirect(r.outbound)] for port in r.outbound_ports),
        *([*_within(each), *_redirect(r.outbound)] for each in r.outbound_networks),
    )
    incoming: tuple[Expressions, ...] = (
        *([*_port(port), *accept] for port in (TUNNEL, *r.excluded_inbound_ports)),
        *(
            [[*_in_by("eth0"), *_redirect(r.inbound)]]
            if r.inbound_ports is None
            else [
                [*_in_by("eth0"), *_port(port), *_redirect(r.inbound)] for port in r.inbound_ports
            ]
        ),
    )
    with of(process):
        rules = NFTables(nfgen_family=2)
        try:
            rules.table("add", name="istio")
            for hook, chain in (("output", output), ("prerouting", incoming)):
                rules.chain(
                    *("add",),
                    **{"table": "istio", "name": hook, "hook": hook, "type": "nat"},
                    priority=NAT_PRIORITY,
                    policy=ACCEPT,
                )
                for rule in chain:
                    rules.rule("add", table="istio", chain=hook, expressions=[[*_tcp(), *rule]])
        finally:
            rules.close()


def _compare(value: bytes, operator: int = EQUAL) -> dict[str, Any]:
    data = {"attrs": [("NFTA_DATA_VALUE", value)]}
    return genex("cmp", {"sreg": 1, "op": operator, "data": data})


def _meta(key: int, value: bytes, operator: int = EQUAL) -> Expressions:
    return [genex("meta", {"key": key, "dreg": 1}), _compare(value, operator)]


def _tcp() -> Expressions:
    return _meta(META_PROTOCOL, TCP)


def _mark(operator: int) -> Expressions:
    return _meta(META_MARK, struct.pack("=I", MARK), operator)


def _in_by(interface: str) -> Expressions:
    return _meta(META_IN, interface.encode().ljust(16, b"\0"))


def _out_by(interface: str) -> Expressions:
    return _meta(META_OUT, interface.encode().ljust(16, b"\0"))


def _payload(base: int, offset: int, length: int) -> dict[str, Any]:
    return genex("payload", {"dreg": 1, "base": base, "offset": offset, "len": length})


def _from(address: str) -> Expressions:
    return [_payload(NETWORK_HEADER, 12, 4), _compare(inet_aton(address))]


def _to(address: str, operator: int = EQUAL) -> Expressions:
    return [_payload(NETWORK_HEADER, 16, 4), _compare(inet_aton(address), operator)]


def _within(network: IPv4Network) -> Expressions:
    mask, zeros = network.netmask.packed, b"\0" * 4
    masked = {
        **{"sreg": 1, "dreg": 1, "len": 4},
        "mask": {"attrs": [("NFTA_DATA_VALUE", mask)]},
        "xor": {"attrs": [("NFTA_DATA_VALUE", zeros)]},
    }
    return [
        _payload(NETWORK_HEADER, 16, 4),
        genex("bitwise", masked),
        _compare(network.network_address.packed),
    ]


def _port(port: int, operator: int = EQUAL) -> Expressions:
    return [_payload(TRANSPORT_HEADER, 2, 2), _compare(struct.pack("!H", port), operator)]


def _redirect(port: int) -> Expressions:
    data = {"attrs": [("NFTA_DATA_VALUE", struct.pack("!H", port))]}
    return [genex("immediate", {"dreg": 1, "data": data}), genex("redir", {"reg_proto_min": 1})]
