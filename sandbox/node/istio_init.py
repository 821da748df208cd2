"""Istio's init container: by its arguments, which connections the sidecar gets."""

import argparse
from collections.abc import Iterator
from ipaddress import IPv4Network, ip_network
from typing import NoReturn

from lightkube.models.core_v1 import Container
from lightkube.resources.core_v1 import Pod

from sandbox.node.network import Redirection

COMMAND = "istio-iptables"
EVERYTHING = "*"
UNSUPPORTED = {
    "-c": "traffic.sidecar.istio.io/excludeInterfaces",
    "-k": "istio.io/reroute-virtual-interfaces",
}
"""Options that a sandbox doesn't have, and the pod's annotation that each comes from."""


class RedirectionError(ValueError):
    """The init container asks for what a sandbox doesn't have; the message says what to do."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RedirectionError(message)


def redirection(pod: Pod, services: IPv4Network) -> Redirection | None:
    """Return what the sidecar gets, or None without an init container: then nothing.

    Raises RedirectionError for an argument that can't be honoured.
    """
    init = next((each for each in pod.spec.initContainers or [] if _is_init(each)), None)
    if init is None:
        return None
    try:
        return _parsed(init, services)
    except ValueError as error:
        raise RedirectionError(f"container {init.name}: {error}") from error


def _is_init(container: Container) -> bool:
    return (container.args or [])[:1] == [COMMAND]


def _parsed(init: Container, services: IPv4Network) -> Redirection:
    parser = _Parser(prog=COMMAND, add_help=False, allow_abbrev=False)
    for option, default in {
        **{"-p": "15001", "-z": "15006", "-u": "1337", "-m": "REDIRECT"},
        **{"-i": "", "-x": "", "-b": "", "-d": "", "-q": "", "-o": ""},
        **dict.fromkeys(UNSUPPORTED, ""),
        "--log_output_level": "",
    }.items():
        parser.add_argument(option, default=default)
    # These change nothing here: there is no iptables, and no CNI plugin that has run before.
    for flag in ("--log_as_json", "--run-validation", "--skip-rule-apply", "--force-apply"):
        parser.add_argument(flag, action="store_true")
    found, unknown = parser.parse_known_args((init.args or [])[1:])
    if unknown:
        raise RedirectionError(f"a sandbox has no {' '.join(unknown)}")
    for option, annotation in UNSUPPORTED.items():
        if value := getattr(found, option.lstrip("-")):
            raise RedirectionError(
                f"a sandbox can't do `{option} {value}`: remove the annotation {annotation} from "
                "the pod's template"
            )
    if found.m != "REDIRECT":
        raise RedirectionError(
            f"a sandbox can't do `-m {found.m}`: set the annotation "
            "sidecar.istio.io/interceptionMode of the pod's template to REDIRECT"
        )
    every_port = found.b == EVERYTHING
    return Redirection(
        services=services,
        outbound=int(found.p),
        inbound=int(found.z),
        inbound_ports=None if every_port else tuple(_numbers("-b", found.b)),
        excluded_inbound_ports=tuple(_numbers("-d", found.d)) if every_port else (),
        outbound_ports=tuple(_numbers("-q", found.q)),
        excluded_outbound_ports=tuple(_numbers("-o", found.o)),
        outbound_networks=(
            (IPv4Network("0.0.0.0/0"),)
            if found.i == EVERYTHING
            else tuple(_networks("-i", found.i))
        ),
        excluded_outbound_networks=tuple(_networks("-x", found.x)),
    )


def _numbers(option: str, text: str) -> Iterator[int]:
    for word in _words(text):
        if not (word.isdecimal() and int(word) <= 65535):
            raise RedirectionError(f"{option} must be ports, separated by commas: got {text!r}")
        yield int(word)


def _networks(option: str, text: str) -> Iterator[IPv4Network]:
    for word in _words(text):
        try:
            network = ip_network(word, strict=False)
        except ValueError as error:
            raise RedirectionError(
                f"{option} must be networks such as 10.0.0.0/8, separated by commas: got {text!r}"
            ) from error
        # Pods have no IPv6 addresses: nothing of theirs goes to such a network.
        if isinstance(network, IPv4Network):
            yield network


def _words(text: str) -> Iterator[str]:
    return (word.strip() for word in text.split(",") if word.strip())
