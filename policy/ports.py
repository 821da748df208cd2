"""The ports by which requests come into the cluster."""

from collections.abc import Iterator, Sequence

from policy.rule import PROD, Object, Options, Rule, Stack, Violation, kind


def _opened(thing: Object) -> Iterator[object]:
    """List the ports that an object opens to the outside."""
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
    """Write a port as in a manifest: the engine's numbers are floats."""
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
    says="Gateways, and Services that are reached from outside, open allowed ports only",
    reason="firewalls and load balancers of the team know these, and nobody watches another",
    remedy="use one of the allowed ports, or add it to `ports` in the policy config",
    check=_allowed,
    options={
        "ports": {
            "type": "array",
            "items": {"type": "integer"},
            "default": [80, 443, 15021],
            "description": "HTTP, HTTPS, and the gateway's health",
        }
    },
)

NO_NODE_PORTS = Rule(
    name="no-node-ports-in-prod",
    level="mandatory",
    says="No Service of a production stack has a port on the nodes",
    reason="it is open on every node's address, past the load balancer and its firewall",
    remedy="give the gateway serviceType LoadBalancer, or ClusterIP, and its ports no nodePort",
    check=_no_node_ports,
    options={"stacks": PROD},
)
