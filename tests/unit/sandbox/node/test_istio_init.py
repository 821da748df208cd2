"""Istio's init container: which connections a sidecar gets, by the arguments of injection."""

from ipaddress import IPv4Network

import pytest
from lightkube.resources.core_v1 import Pod

from sandbox.node import istio_init
from sandbox.node.istio_init import RedirectionError
from sandbox.node.network import Redirection

SERVICES = IPv4Network("127.20.0.0/16")
EVERYWHERE = IPv4Network("0.0.0.0/0")
INJECTED = {
    **{"-p": "15001", "-z": "15006", "-u": "1337", "-m": "REDIRECT"},
    **{"-i": "*", "-x": "", "-b": "*", "-d": "15090,15021,15020"},
}
"""The arguments that istiod gives a pod without annotations."""


def redirection(*flags: str, **changed: str) -> Redirection | None:
    """Return what a pod's init container asks for, with some of its options changed."""
    options = INJECTED | {f"-{option}": value for option, value in changed.items()}
    words = [word for pair in options.items() for word in pair]
    args = ["istio-iptables", *words, "--log_output_level=default:info", *flags]
    init = {"name": "istio-init", "args": args}
    return istio_init.redirection(
        Pod.from_dict({"spec": {"containers": [], "initContainers": [init]}}), SERVICES
    )


def test_a_sidecar_gets_everything_but_its_own_ports() -> None:
    """What istiod asks for without annotations."""
    assert redirection() == Redirection(
        services=SERVICES,
        excluded_inbound_ports=(15090, 15021, 15020),
        outbound_networks=(EVERYWHERE,),
    )


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"i": "10.0.0.0/8,127.0.0.0/8"}, {"outbound_networks": ("10.0.0.0/8", "127.0.0.0/8")}),
        ({"i": ""}, {"outbound_networks": ()}),
        ({"i": "10.1.2.3"}, {"outbound_networks": ("10.1.2.3/32",)}),
        ({"x": "192.0.2.0/24"}, {"excluded_outbound_networks": ("192.0.2.0/24",)}),
        ({"x": "10.0.0.0/8,fd00::/8"}, {"excluded_outbound_networks": ("10.0.0.0/8",)}),
        ({"b": "9080,9443"}, {"inbound_ports": (9080, 9443), "excluded_inbound_ports": ()}),
        ({"b": ""}, {"inbound_ports": (), "excluded_inbound_ports": ()}),
        ({"d": "15090,15021,15020,22"}, {"excluded_inbound_ports": (15090, 15021, 15020, 22)}),
        ({"q": "3306"}, {"outbound_ports": (3306,)}),
        ({"o": "27017"}, {"excluded_outbound_ports": (27017,)}),
        ({"p": "15101", "z": "15106"}, {"outbound": 15101, "inbound": 15106}),
    ],
)
def test_an_annotation_changes_what_it_gets(
    options: dict[str, str], fields: dict[str, object]
) -> None:
    """Each by its option; of IPv6 networks, which pods don't have, there is nothing to get."""
    found = redirection(**options)

    got = {name: getattr(found, name) for name in fields}
    assert {
        name: tuple(map(str, value)) if name.endswith("networks") else value
        for name, value in got.items()
    } == fields


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"c": "eth1"}, "remove the annotation traffic.sidecar.istio.io/excludeInterfaces"),
        ({"k": "net1"}, "remove the annotation istio.io/reroute-virtual-interfaces"),
        ({"m": "TPROXY"}, "set the annotation sidecar.istio.io/interceptionMode"),
        ({"i": "all"}, "-i must be networks such as 10.0.0.0/8, separated by commas: got 'all'"),
        ({"o": "http"}, "-o must be ports, separated by commas: got 'http'"),
        ({"-new": "x"}, "a sandbox has no --new x"),
    ],
)
def test_what_cannot_be_done_is_refused(options: dict[str, str], why: str) -> None:
    """With its name, and the annotation that it comes from."""
    with pytest.raises(RedirectionError, match="container istio-init: ") as refused:
        redirection(**options)

    assert why in str(refused.value)


def test_flags_that_change_nothing_are_taken() -> None:
    """Of a mesh with a CNI plugin, and of logs in JSON."""
    flags = ("--log_as_json", "--run-validation", "--skip-rule-apply", "--force-apply")
    assert redirection(*flags) == redirection()


def test_without_an_init_container_nothing_is_redirected() -> None:
    """A gateway has none, and no sidecar whose interceptionMode is NONE."""
    pod = Pod.from_dict({"spec": {"containers": [{"name": "istio-proxy"}]}})

    assert istio_init.redirection(pod, SERVICES) is None
