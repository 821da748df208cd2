"""Conflicts inside a gateway and between gateways."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mesh.charts.values import typed_gateway_values
from mesh.settings.gateway import STATUS_PORT, Autoscaling, Gateway, LoadBalancer, RoutingApi
from mesh.settings.schema import Settings
from mesh.validation.mistake import NO_VALUE, Mistake

CHART_ONLY = {"loadBalancer", "replicas", "autoscaling", "values"}
"""Fields that only the gateway chart supports."""
FIELDS = {
    ("service", "type"): "serviceType",
    ("service", "ports"): "ports",
    ("service", "annotations"): "annotations",
    ("service", "loadBalancerIP"): "loadBalancer.ip",
    ("service", "loadBalancerClass"): "loadBalancer.class",
    ("service", "loadBalancerSourceRanges"): "loadBalancer.sourceRanges",
    ("labels",): "direction",
    ("replicaCount",): "replicas",
    ("autoscaling",): "autoscaling, or replicas",
}
"""Field of a gateway for the chart's values that fields set (typed_gateway_values)."""
ADDRESS_ONLY = {"ip"}
"""Fields of loadBalancer that the Gateway API has too: spec.addresses."""


def conflicts(settings: Settings) -> Iterator[Mistake]:
    """List conflicts of all gateways."""
    for mistake in _all(settings):
        yield mistake.below("gateways")
    contract = settings.platform_contract
    if contract is not None and contract.gateway is None:
        yield Mistake(
            ("platformStack",) if settings.platform_stack else ("platformContract",),
            "is a platform without an ingress gateway for HTTP or HTTPS: add one to its gateways",
            settings.platform_stack or NO_VALUE,
        )


def _all(settings: Settings) -> Iterator[Mistake]:
    gateways, api = settings.gateways, settings.routing_api
    # A platform's gateways may be for others only.
    ingress = settings.ingress if settings.mode != "platform" else None
    if settings.mode != "platform" and settings.ingress is None:
        yield Mistake(
            (), "must have an ingress gateway: Bookinfo is reached through it", len(gateways)
        )
    names, labels, node_ports = Counter[str](), Counter[str](), Counter[tuple[str, int]]()
    for index, gateway in enumerate(gateways):
        if gateway is ingress and gateway.http_port is None and gateway.https_port is None:
            yield Mistake(
                (index, "ports"),
                "must have a port for HTTP, whose name begins with http, http2 or grpc, or one "
                "with tls: Bookinfo is reached through it",
                [port.name for port in gateway.ports or ()],
            )
        names[gateway.name] += 1
        labels[gateway.name.removeprefix("istio-")] += 1
        if names[gateway.name] > 1:
            yield Mistake((index, "name"), "must differ from every other gateway's", gateway.name)
        elif labels[gateway.name.removeprefix("istio-")] > 1:
            yield Mistake(
                (index, "name"),
                "must differ from another gateway's by more than the prefix istio-, which the "
                "labels of their pods lack",
                gateway.name,
            )
        for number, port in enumerate(gateway.ports or ()):
            if port.node_port:
                node_ports[port.protocol, port.node_port] += 1
                if node_ports[port.protocol, port.node_port] > 1:
                    rule = "must be unique: a node has each port once"
                    yield Mistake((index, "ports", number, "nodePort"), rule, port.node_port)
        for mistake in _one(gateway, api, settings.bookinfo_namespace):
            yield mistake.below(index)


def _one(gateway: Gateway, api: RoutingApi, bookinfo_namespace: str) -> Iterator[Mistake]:
    if gateway.namespace == bookinfo_namespace:
        yield Mistake(
            ("namespace",),
            "must differ from bookinfoNamespace, which is created after the gateways",
            gateway.namespace,
        )
    if gateway.service_type != "LoadBalancer" and gateway.load_balancer != LoadBalancer():
        yield Mistake(("loadBalancer",), "needs serviceType LoadBalancer", gateway.service_type)
    if gateway.replicas is not None and gateway.autoscaling is not None:
        yield Mistake(("replicas",), "can't be set together with autoscaling", gateway.replicas)
    scale = gateway.autoscaling or Autoscaling()
    if scale.min_replicas > scale.max_replicas:
        yield Mistake(
            ("autoscaling", "minReplicas"),
            f"can't be more than maxReplicas, {scale.max_replicas}",
            scale.min_replicas,
        )
    yield from _ports(gateway, api)
    if api == "gateway-api":
        given = gateway.model_dump(mode="json", by_alias=True, exclude_unset=True)
        only_an_address = given.get("loadBalancer", {}).keys() <= ADDRESS_ONLY
        for field in sorted(CHART_ONLY & given.keys()):
            if field == "loadBalancer" and only_an_address:
                continue
            yield Mistake(
                (field,),
                "is for the gateway chart, which routingApi gateway-api doesn't use",
                given[field],
            )
        return
    yield from _void(gateway)
    for path in _paths(typed_gateway_values(gateway)):
        if (value := _at(gateway.values, path)) is not None:
            field = next(field for keys, field in FIELDS.items() if path[: len(keys)] == keys)
            rule = f"is the gateway's own field {field}: set that, and drop this"
            yield Mistake(("values", *path), rule, value)


def _void(gateway: Gateway) -> Iterator[Mistake]:
    """List fields that the chart ignores because of a raw value (its templates, Istio 1.29)."""
    network = gateway.values.get("networkGateway")
    if network and gateway.ports is not None:
        yield Mistake(
            ("ports",),
            f"has no effect with values.networkGateway {network}: the chart then has the ports "
            "of values.networkGatewayPorts only; drop one of them",
            [port.port for port in gateway.ports],
        )
    if gateway.values.get("kind") == "DaemonSet":
        for field in ("replicas", "autoscaling"):
            if getattr(gateway, field) is not None:
                rule = "has no effect with values.kind DaemonSet, one pod to a node: drop one"
                yield Mistake((field,), rule)
    lowest = gateway.replicas or (gateway.autoscaling or Autoscaling()).min_replicas
    has_own_scale = {"replicaCount", "autoscaling"} & gateway.values.keys()
    if gateway.values.get("podDisruptionBudget") and lowest == 1 and not has_own_scale:
        yield Mistake(
            ("values", "podDisruptionBudget"),
            "has no effect with one replica, for which the chart makes no such budget: set "
            "replicas, or autoscaling.minReplicas, to 2 or more",
            gateway.values["podDisruptionBudget"],
        )


def _ports(gateway: Gateway, api: RoutingApi) -> Iterator[Mistake]:
    numbers = Counter([("TCP", STATUS_PORT["port"])])
    names = Counter([STATUS_PORT["name"]])
    for index, port in enumerate(gateway.ports or ()):
        path = ("ports", index)
        numbers[port.protocol, port.port] += 1
        names[port.name] += 1
        if numbers[port.protocol, port.port] > 1:
            rule = "must be unique; 15021 is the status port, which every gateway has"
            yield Mistake((*path, "port"), rule, port.port)
        if names[port.name] > 1:
            rule = "must be unique; status-port is the name of 15021"
            yield Mistake((*path, "name"), rule, port.name)
        if port.node_port and gateway.service_type == "ClusterIP":
            rule = "needs serviceType NodePort or LoadBalancer"
            yield Mistake((*path, "nodePort"), rule, port.node_port)
        if api == "gateway-api" and not port.is_http and port.tls is None:
            rule = "must begin with http, http2 or grpc, or have tls, with routingApi gateway-api"
            yield Mistake((*path, "name"), rule, port.name)
        if api == "gateway-api" and (port.target_port or port.node_port):
            rule = "can't have targetPort or nodePort with routingApi gateway-api: istiod sets them"
            yield Mistake(path, rule, port.port)


def _paths(values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """List the paths of the leaves."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from ((key, *path) for path in _paths(value))
        else:
            yield (key,)


def _at(values: Any, path: tuple[str, ...]) -> Any:
    """Return the value at a path, or the first value on the path that isn't an object."""
    for step in path:
        if not isinstance(values, Mapping):
            return values
        values = values.get(step)
    return values
