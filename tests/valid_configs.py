"""Configs by chance that should be valid, with values at the edges of what Kubernetes takes."""

import json
from collections import ChainMap
from typing import Any

from hypothesis import strategies as st

from mesh.settings.traffic_plan import EVERY

Strategy = st.SearchStrategy[Any]


def some(*values: Any) -> Strategy:
    """Return one of some values."""
    return st.sampled_from(values)


def have(needed: dict[str, Strategy], **optional: Strategy) -> Strategy:
    """Return a mapping with what is needed, and some of the rest."""
    return st.fixed_dictionaries(needed, optional=optional)


def few(values: Strategy, most: int = 2) -> Strategy:
    """Return a list of a few values, each once."""
    return st.lists(values, max_size=most, unique_by=str)


def merged(*parts: Strategy) -> Strategy:
    """Return the mapping that parts make together."""
    return st.tuples(*parts).map(lambda made: dict(ChainMap(*made)))


TEXTS = st.text(max_size=12) | some(
    *("", "a", "true", "null", "1e3", "0o7", "a: b", "- a", "&a *a", "# a", "%s", "\t", "a\nb\n"),
    *("$(id)", "`id`", "; rm -rf /", "{{ .Values.x }}", "{{", "<script>", "[a](b)", "| a |", "'\""),
    *("$(POD_NAME)", "\u202e", "\x07", "\ufeff", "\x85", "ä" * 300),
)
NAMES = some("a", "a-1", "edge", "g" + "0" * 52)
DNS_NAMES = some("a", "0", "a.b", "a" * 63, ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61]))
NAMESPACES = some("shop", "0", "a" * 63, "edge")
HOSTS = some("a.b", "0.example.com", "xn--a.example.com", "a" * 63 + ".c", "b" * 62 + ".a0")
KEYS = some("team", "A_b.c", "a" * 63, "example.com/team", f"{'a' * 63}.b/{'c' * 63}", "1/2")
LABELS = st.dictionaries(KEYS, some("", "a", "0", "A_b.c", "a" * 63), max_size=2)
ANNOTATIONS = st.dictionaries(KEYS, TEXTS, max_size=2)
QUANTITIES = some(
    *(1, 0, 0.5, "100m", "0.1", "1e3", "1E3", "64Mi", "+1", "1.", ".5", "1n", "9999E", "1e30"),
)
REPLICAS = some(1, 2, 2**31 - 1)
PORTS = some(1, 80, 443, 8080, 15000, 15443, 31400, 65535)
PERCENT = some(0, 1, 50, 100)
AMOUNTS = st.dictionaries(some("cpu", "memory", "ephemeral-storage"), QUANTITIES, max_size=2)
RESOURCES = have({}, requests=AMOUNTS) | have({}, limits=AMOUNTS)
TOLERATION = have({"key": KEYS}, value=TEXTS, effect=some("NoSchedule", "PreferNoSchedule")) | have(
    {"operator": some("Exists")}, key=KEYS, effect=some("NoExecute")
)
EVICTION = have(
    {"key": KEYS, "effect": some("NoExecute"), "tolerationSeconds": some(0, 2**31, 2**63)}
)
TLS = have(
    {"credentialName": DNS_NAMES, "mode": some("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")},
    minProtocolVersion=some("TLSV1_2", "TLSV1_3"),
)
HTTP = {"name": some("http", "http2", "grpc", "http-" + "a" * 58), "port": PORTS}
PORT = (
    have(HTTP)
    | have({"name": some("https", "https-" + "a" * 57), "port": PORTS, "tls": TLS})
    | have({"name": some("tls"), "port": PORTS, "tls": some({"mode": "PASSTHROUGH"})})
)
PORT_OF_CHART = (
    PORT
    | have(HTTP, targetPort=PORTS, nodePort=some(30000, 32767))
    | have({"name": some("tcp-a", "0", "udp"), "port": PORTS, "protocol": some("TCP", "UDP")})
)
PLACE = {"namespace": NAMESPACES, "annotations": ANNOTATIONS}
SCALE = some(
    {"replicas": 2**31 - 1},
    *(
        {"autoscaling": {"targetCPUUtilizationPercentage": percent, "maxReplicas": most}}
        for percent, most in ((1, 1), (100, 2**31 - 1), (2**31, 7), (2**63, 7))
    ),
)
LOAD_BALANCER = have(
    {},
    ip=some("192.0.2.9", "2001:db8::1", "::ffff:192.0.2.9", "fe80::1%eth0"),
    sourceRanges=few(
        some("192.0.2.0/24", "0.0.0.0/0", "::/0", "192.0.2.1", "10.0.0.0/255.0.0.0", "::1")
    ),
    **{"class": DNS_NAMES | TEXTS | some("example.com/inner")},
)
OF_CHART = merged(
    have({"name": NAMES}, **PLACE, ports=st.lists(PORT_OF_CHART, min_size=1, max_size=2)),
    some({}) | SCALE,
    have({"serviceType": some("NodePort", "LoadBalancer")}) | have({"loadBalancer": LOAD_BALANCER}),
)
EGRESS = merged(have({"direction": some("egress")}, **PLACE), some({}) | SCALE)
OF_API = have({"name": NAMES}, **PLACE, ports=st.lists(PORT, min_size=1, max_size=2))
VERSIONS = some("v1", "v2", "v3")
HEADERS = st.dictionaries(some("end-user", "a" * 300, "x"), TEXTS, min_size=1, max_size=2)
ROUTED = {
    "to": some("v1", "v2", {"v1": 0, "v2": 100}, {"v1": 33, "v2": 33, "v3": 34}),
    "mirror": have({"to": some("v3"), "percent": PERCENT}),
}
FAULTS = {
    "delay": have(
        {"percent": PERCENT, "fixedDelay": some("1ms", "0.5s", "1h2m3s4ms", "2562047h", "00.001s")}
    ),
    "abort": have({"percent": PERCENT, "httpStatus": some(200, 418, 599)}),
}


def plan(**handling: Strategy) -> Strategy:
    """Return a plan of such parts; reviews has all versions, the others have one."""
    of_others = {key: made for key, made in handling.items() if key in FAULTS}
    case = have({"headers": HEADERS}, **handling)
    return have(
        {},
        reviews=have({}, **handling, when=few(case)),
        ratings=have({}, **of_others),
        **{EVERY: have({}, **of_others)},
    )


GATEWAYS = {"gateways": st.tuples(OF_CHART) | st.tuples(OF_CHART, EGRESS)}
MESH = {
    "denyByDefault": st.booleans(),
    "mtls": some("strict", "permissive"),
    "mtlsByNamespace": st.dictionaries(some("default", "kube-system"), some("strict"), max_size=2),
}
ROUTES = (
    have({}, **GATEWAYS, **MESH, trafficPlan=plan(**ROUTED, **FAULTS))
    | have(
        {"routingApi": some("gateway-api")},
        **MESH,
        gateways=st.tuples(OF_API),
        trafficPlan=plan(**ROUTED),
    )
    | have({"injection": some("off")}, **GATEWAYS, podSecurity=some("baseline", "restricted"))
)
HOST = {"host": HOSTS}
PASSWORDS = TEXTS.filter(bool)
DATABASE = (
    some({}, {"bookinfoRatings": "mongodb"})
    | have({"bookinfoRatings": some("mysql"), "bookinfoMysqlPassword": PASSWORDS})
    | have(
        {
            "bookinfoRatings": some("mongodb"),
            "bookinfoDatabase": have(
                {**HOST, "user": some("a", "_.-")}, port=PORTS, name=some("0" * 63)
            ),
            "bookinfoMongodbPassword": PASSWORDS,
        }
    )
)
SERVICE = have(
    {},
    replicas=REPLICAS,
    resources=RESOURCES,
    env=st.dictionaries(some("A", "_", "a1", "JAVA_OPTS", "A" * 300), TEXTS, max_size=2),
    nodeSelector=LABELS,
    tolerations=few(TOLERATION | EVICTION),
)
OTHERS = have(
    {},
    bookinfoServices=st.dictionaries(some("reviews", "ratings", "details"), SERVICE, max_size=2),
    bookinfoReplicas=REPLICAS,
    bookinfoResources=RESOURCES,
    bookinfoProbes=st.booleans(),
    bookinfoHost=HOSTS,
    bookinfoTag=some("1", "a" * 128, "_"),
    bookinfoHub=some("a", "registry.example.com:5000/a/b", "0.0.0.0/a__b"),
    bookinfoDetailsV2=st.booleans(),
    namespaceLabels=LABELS,
    namespaceAnnotations=ANNOTATIONS,
    imagePullSecrets=few(DNS_NAMES),
    imagePullPolicy=some("Always", "Never"),
    meshNamespaces=st.dictionaries(
        some("team", "b" * 63), have({}, create=st.booleans()), max_size=2
    ),
)
CONCEALED = "bookinfoMysqlPassword bookinfoMongodbPassword"
"""The settings among them that must be set with --secret."""
CONFIGS = merged(ROUTES, DATABASE, OTHERS).map(
    lambda config: {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()
    }
)
