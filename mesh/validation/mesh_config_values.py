"""Values of a mesh config as istiod reads them: durations, addresses, names, localities, TLS.

From istio's pkg/config/validation/agent/validation.go; each value already has the right type.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

LABEL = "[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*\.?")
WILDCARD_LABEL = re.compile(rf"\*|(\*-?)?{LABEL}")
MILLISECONDS = {
    "ns": Fraction(1, 10**6),
    "us": Fraction(1, 1000),
    "µs": Fraction(1, 1000),
    "ms": Fraction(1),
    "s": Fraction(1000),
    "m": Fraction(60_000),
    "h": Fraction(3_600_000),
}
TLS_FILES = ("clientCertificate", "caCertificates", "privateKey", "caCrl")


def milliseconds(duration: str) -> Fraction:
    """Convert a duration in Go's syntax, such as 1m30.5s, to milliseconds."""
    sign = -1 if duration.startswith("-") else 1
    parts = re.findall(r"([\d.]+)([a-zµ]+)", duration)
    return sign * sum((Fraction(n) * MILLISECONDS[unit] for n, unit in parts), Fraction())


def is_connect_timeout(duration: str) -> bool:
    """Return whether a duration is in whole milliseconds, 1 ms to 1 h."""
    time = milliseconds(duration)
    return time.denominator == 1 and 1 <= time <= MILLISECONDS["h"]


def is_drain_duration(duration: str) -> bool:
    """Return whether a duration is in whole seconds, and more than 0."""
    time = milliseconds(duration)
    return time > 0 and time % MILLISECONDS["s"] == 0


def is_port(value: Any) -> bool:
    """Return whether a number, which protobuf also accepts as a string, is a port."""
    return 1 <= int(value) <= 65535


def is_address(value: str) -> bool:
    """Return whether a value is HOST:PORT; $(HOST_IP) stands for the node's own address."""
    host, _, port = value.replace("$(HOST_IP)", "127.0.0.1").rpartition(":")
    if not (port.isdecimal() and is_port(port)):
        return False
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return is_name(host)
    return True


def is_name(domain: str) -> bool:
    """Return whether it is a domain name that can't be mistaken for an IP address."""
    return bool(DOMAIN.fullmatch(domain)) and not domain.rpartition(".")[2].isdecimal()


def is_wildcard_domain(domain: str) -> bool:
    """Return whether it is a domain name; its first part may be * or begin with it."""
    first, _, rest = domain.partition(".")
    return bool(WILDCARD_LABEL.fullmatch(first)) and (not rest or is_name(rest))


def are_apart(localities: Iterable[str]) -> bool:
    """Return whether localities, such as region/zone or region/*, are valid and don't overlap."""
    seen: list[list[str]] = []
    for locality in localities:
        parts = locality.split("/", 2)
        if not all(parts) or "*" in locality.removesuffix("*"):
            return False
        for before in seen:
            around = before[:-1] if before[-1] == "*" else before
            if parts[: len(around)] == around or before[: len(parts)] == parts:
                return False
        seen.append(parts)
    return True


def shares(distribute: Mapping[str, Any]) -> bool:
    """Return whether the weights of a distribution are positive and sum to 100."""
    weights = [int(weight) for weight in distribute.get("to", {}).values()]
    return sum(weights) == 100 and min(weights) > 0


def is_failover(failover: Mapping[str, str]) -> bool:
    """Return whether a failover is from one region to another."""
    regions = (failover.get("from", ""), failover.get("to", ""))
    return len(set(regions)) == 2 and not set("".join(regions)) & set("/*")


def keeps_what_it_verifies(tls: Mapping[str, Any]) -> bool:
    """Return False for TLS settings that skip verification and set what to verify."""
    given = ["caCertificates", "subjectAltNames"]
    if tls.get("mode") == "SIMPLE":
        given.append("credentialName")
    return not (
        tls.get("insecureSkipVerify")
        and tls.get("mode") in ("SIMPLE", "MUTUAL")
        and any(tls.get(key) for key in given)
    )


def has_its_certificates_once(tls: Mapping[str, Any]) -> bool:
    """Return whether certificates have at most one source, and exactly one for mutual TLS."""
    if tls.get("mode") in ("SIMPLE", "MUTUAL") and tls.get("credentialName"):
        return not any(tls.get(key) for key in TLS_FILES)
    return tls.get("mode") != "MUTUAL" or bool(
        tls.get("clientCertificate") and tls.get("privateKey")
    )
