"""The rules on ports that are open to the outside of the cluster."""

from collections.abc import Iterator, Sequence

from policy.rule import PROD, Object, Options, Rule, Stack, Violation, kind


def _opened(thing: Object) -> Iterator[object]:
    """Yield the ports that an object opens to the outside."""
    spec = thing.get("spec") or {}
    match kind(thing):
        case ("", "Service") if spec.get("type") in ("LoadBalancer", "NodePort"):
            yield from (port.get("port") for port in spec.get("ports") or [])
        case ("networking.istio.io", "Gateway"):
            servers = spec.get("servers") or []
            yield from ((server.get("port") or {}).get("number") for server in servers)
        case ("gateway.networking.k8s.io", "Gateway"):
            yield from (listener.get("port") for listener in spec.get("listeners") or [])


def _shown(port: object) -> object:
    """Return a port as in a manifest: the engine's numbers are floats."""
    return int(port) if isinstance(port, float) else port


def _allowed(objects: Sequence[Object], _: Stack, options: Options) -> Iterator[Violation]:
    for each in objects:
        for port in _opened(each):
            if port not in options["ports"]:
                yield Violation(object=each, got=f"port {_shown(port)}")


def _no_node_ports(
    objects: Sequence[Object], stack: Stack, options: Options
) -> Iterator[Violation]:
    if not stack.is_named(options["stacks"]):
        return
    for each in objects:
        spec = each.get("spec") or {}
        if kind(each) != ("", "Service"):
            continue
        if spec.get("type") == "NodePort":
            yield Violation(object=each, got="type NodePort")
        for port in spec.get("ports") or []:
            if port.get("nodePort"):
                yield Violation(object=each, got=f"nodePort {_shown(port['nodePort'])}")


GATEWAY_PORTS = Rule(
    name="gateway-ports-allowed",
    level="mandatory",
    says="Gateways, and Services that can be reached from outside, open allowed ports only",
    reason="the team's firewalls and load balancers know only these, and others aren't watched",
    remedy="use one of the allowed ports, or add it to `ports` in the policy config",
    check=_allowed,
    options={
        "ports": {
            "type": "array",
            "items": {"type": "integer"},
            "default": [80, 443, 15021],
            "description": "Allowed ports; the default is HTTP, HTTPS, and the gateway's health",
        }
    },
)

NO_NODE_PORTS = Rule(
    name="no-node-ports-in-prod",
    level="mandatory",
    says="No Service of a production stack has a node port",
    reason="a node port is open on every node, bypassing the load balancer and its firewall",
    remedy="set the gateway's serviceType to LoadBalancer or ClusterIP, and no nodePort for its "
    "ports",
    check=_no_node_ports,
    options={"stacks": PROD},
)
