"""Rules of istiod for a mesh config, in addition to the types of its fields.

From istio's pkg/config/validation/agent/validation.go, neither stricter nor laxer
(tests/render/test_mesh_config.py compares them with Istio itself).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from mesh.validation import mesh_config_values as values

ROOT = "mesh.v1alpha1.MeshConfig"
PROXY = "mesh.v1alpha1.ProxyConfig"
TRACING = "mesh.v1alpha1.Tracing"
LOCALITY = "networking.v1alpha3.LocalityLoadBalancerSetting"
PRIVATE_KEY = "mesh.v1alpha1.PrivateKeyProvider"
TOPOLOGY = {
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
}


class Rule(NamedTuple):
    """Rule for a field of a message, or for the message as a whole."""

    message: str
    field: str | None
    """Field that must follow the rule; if it is a list, each item. None = the message."""
    holds: Callable[[Any], bool]
    """Predicate, called with values of the right type only."""
    text: str


_PORT = (values.is_port, "must be a port, 1 to 65535")
_ADDRESS = (values.is_address, "must be HOST:PORT")
_DOMAIN = (lambda value: bool(values.DOMAIN.fullmatch(value)), "must be a domain name")
_OPTIONAL_ADDRESS = (lambda value: not value or values.is_address(value), _ADDRESS[1])
_NOT_EMPTY = (bool, "must not be empty")
_POLL_DELAY = (
    lambda value: values.milliseconds(value.get("pollDelay", "0")) != 0,
    "needs a pollDelay, other than 0",
)

RULES = (
    Rule(ROOT, "proxyListenPort", *_PORT),
    Rule(
        ROOT, "connectTimeout", values.is_connect_timeout, "must be whole milliseconds, 1ms to 1h"
    ),
    Rule(
        ROOT,
        "protocolDetectionTimeout",
        lambda value: values.milliseconds(value).denominator == 1,
        "must be whole milliseconds, or 0s for none",
    ),
    Rule(ROOT, "trustDomain", *_DOMAIN),
    Rule(ROOT, "trustDomainAliases", *_DOMAIN),
    Rule(
        ROOT,
        "meshMTLS",
        lambda value: not value.get("ecdhCurves"),
        "can't have ecdhCurves: those are tlsDefaults'",
    ),
    Rule(
        f"{ROOT}.ServiceSettings",
        "hosts",
        values.is_wildcard_domain,
        "must be a domain name, whose first part may be *",
    ),
    Rule(PROXY, "configPath", *_NOT_EMPTY),
    Rule(PROXY, "binaryPath", *_NOT_EMPTY),
    Rule(PROXY, "serviceCluster", *_NOT_EMPTY),
    Rule(PROXY, "drainDuration", values.is_drain_duration, "must be whole seconds, 1s or more"),
    Rule(PROXY, "proxyAdminPort", *_PORT),
    Rule(PROXY, "statusPort", *_PORT),
    Rule(PROXY, "discoveryAddress", *_ADDRESS),
    Rule(PROXY, "statsdUdpAddress", *_OPTIONAL_ADDRESS),
    Rule(PROXY, "envoyMetricsServiceAddress", *_OPTIONAL_ADDRESS),
    Rule(
        PROXY,
        "controlPlaneAuthPolicy",
        lambda value: value in ("NONE", "MUTUAL_TLS"),
        "must be NONE or MUTUAL_TLS",
    ),
    Rule("mesh.v1alpha1.RemoteService", "address", *_OPTIONAL_ADDRESS),
    *(
        Rule(
            f"{TRACING}.{tracer}",
            None,
            lambda value: values.is_address(value.get("address") or ""),
            "needs an address, HOST:PORT",
        )
        for tracer in ("Zipkin", "Lightstep", "Datadog")
    ),
    Rule(
        f"{TRACING}.Lightstep",
        None,
        lambda value: bool(value.get("accessToken")),
        "needs an accessToken",
    ),
    Rule(
        TRACING,
        "tlsSettings",
        values.keeps_what_it_verifies,
        "can't have insecureSkipVerify and say what to verify",
    ),
    Rule(
        TRACING,
        "tlsSettings",
        values.has_its_certificates_once,
        "needs credentialName alone or, if MUTUAL, clientCertificate and privateKey",
    ),
    Rule(PRIVATE_KEY, None, bool, "needs one of cryptomb and qat"),
    Rule(f"{PRIVATE_KEY}.CryptoMb", None, *_POLL_DELAY),
    Rule(f"{PRIVATE_KEY}.QAT", None, *_POLL_DELAY),
    Rule(
        LOCALITY,
        None,
        lambda value: not (value.get("distribute") and value.get("failover")),
        "can have only one of distribute and failover",
    ),
    Rule(
        LOCALITY,
        None,
        lambda value: (
            not (value.get("failover") and TOPOLOGY & set(value.get("failoverPriority", ())))
        ),
        "can't have failover and a failoverPriority by region, zone or subzone",
    ),
    Rule(
        LOCALITY,
        "distribute",
        lambda value: values.are_apart(sorted(value.get("to", {}))),
        "must have localities apart, region/zone/subzone, with * at the end only",
    ),
    Rule(LOCALITY, "distribute", values.shares, "must have weights from 1, of 100 in sum"),
    Rule(
        LOCALITY,
        None,
        lambda value: values.are_apart(
            each.get("from", "") for each in value.get("distribute", ())
        ),
        "must distribute from localities apart, region/zone/subzone, with * at the end only",
    ),
    Rule(
        LOCALITY,
        "failover",
        values.is_failover,
        "must be from one region to another, without / and *",
    ),
)
