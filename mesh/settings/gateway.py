"""A gateway as a stack's config describes it, and the values that the gateway chart gets."""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from mesh.settings.fields import Namespace

RoutingApi = Literal["istio", "gateway-api"]
Mistake = tuple[tuple[str | int, ...], str, Any]
"""Where below `gateways`, the rule, the value got."""

STATUS_PORT = {"name": "status-port", "port": 15021, "targetPort": 15021, "protocol": "TCP"}
"""The proxy's health; load balancers check the first port of a Service."""

HTTP_PORT = 80
"""The chart's own port for plain HTTP, and the one that a URL needn't name."""

CLASS = "istio"
"""The class of the Gateway API's gateways whose proxies istiod makes."""

BY_DIRECTION = {
    "ingress": {"name": "istio-ingressgateway", "serviceType": "LoadBalancer"},
    "egress": {"name": "istio-egressgateway", "serviceType": "ClusterIP"},
}

OWNED = {
    "name": "is the gateway's own name",
    "revision": "is decided by the program, by the control planes of the stack",
}
"""Raw values that the program decides."""

CHART_ONLY = {"loadBalancer", "replicas", "autoscaling", "values"}
"""What only the gateway chart can do."""

# A Service's name is a label of DNS (RFC 1035), and helm takes no longer one for a release.
NAME = re.compile(r"[a-z]([-a-z0-9]{0,51}[a-z0-9])?")
PORT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(
            "a gateway's name is 1 to 53 lower-case letters, digits and '-', starts with a letter "
            "and ends with a letter or digit"
        )
    if value == "istiod" or value.startswith("istiod-"):
        raise ValueError("a gateway can't have a name of the control plane's")
    return value


def _port_name(value: str) -> str:
    if not PORT_NAME.fullmatch(value):
        raise ValueError(
            "a port's name is 1 to 63 lower-case letters, digits and '-', starts with its "
            "protocol, such as http2 or tcp-mysql, and ends with a letter or digit"
        )
    return value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"a source range is a network, such as 192.0.2.0/24: {error}") from error
    return value


PortNumber = Annotated[int, Field(ge=1, le=65535)]


class Part(BaseModel):
    """A part of a gateway's description: strict fields, spelled as in Kubernetes."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Port(Part):
    """A port of the gateway's Service."""

    name: Annotated[str, AfterValidator(_port_name)]
    port: PortNumber
    target_port: PortNumber | None = None
    """The port that the proxy listens on; None = the same."""
    protocol: Literal["TCP", "UDP"] = "TCP"
    node_port: PortNumber | None = None

    @property
    def is_http(self) -> bool:
        """Whether the name says, by Istio's convention, that the port carries plain HTTP."""
        return self.name.partition("-")[0] in ("http", "http2", "grpc")


class LoadBalancer(Part):
    """What is asked of the cloud's load balancer."""

    ip: str | None = None
    class_name: Annotated[str | None, Field(alias="class")] = None
    source_ranges: tuple[Annotated[str, AfterValidator(_network)], ...] = ()


class Autoscaling(Part):
    """How many proxies there are, by their load."""

    min_replicas: Annotated[int, Field(ge=1)] = 1
    max_replicas: Annotated[int, Field(ge=1)] = 5
    target_cpu: Annotated[int, Field(ge=1, alias="targetCPUUtilizationPercentage")] = 80


class Gateway(Part):
    """One gateway; `{}` is the ingress gateway as Istio's docs have it."""

    direction: Literal["ingress", "egress"] = "ingress"
    name: Annotated[str, AfterValidator(_name)]
    namespace: Namespace | None = None
    """None = the mesh's own."""
    service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"]
    ports: Annotated[tuple[Port, ...], Field(min_length=1)] | None = None
    """Beside the status port; None = 80 and 443, and with the Gateway API 80."""
    annotations: dict[str, str] = {}
    """Of the Service: what clouds read."""
    load_balancer: LoadBalancer = LoadBalancer()
    replicas: Annotated[int, Field(ge=1)] | None = None
    autoscaling: Autoscaling | None = None
    """None = the chart's own, from 1 to 5, unless `replicas` is set."""
    values: dict[str, Any] = {}
    """Raw values of the gateway chart, for what no other field says."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """Give a gateway the name and the service type that are usual for its direction."""
        if not isinstance(given, dict):
            return given
        is_egress = given.get("direction") == "egress"
        return {**BY_DIRECTION["egress" if is_egress else "ingress"], **given}

    def proxy_name(self, api: RoutingApi) -> str:
        """Name its Deployment, Service and account: istiod adds the class, the chart nothing."""
        return self.name if api == "istio" else f"{self.name}-{CLASS}"

    @property
    def selector(self) -> dict[str, str]:
        """The label of its pods that Istio's Gateways select by."""
        labels = {**self.values.get("labels", {}), **self.typed_values.get("labels", {})}
        return {"istio": labels.get("istio") or self.name.removeprefix("istio-")}

    @property
    def http_port(self) -> int | None:
        """The port that plain HTTP comes by: the first such one, or the chart's 80."""
        if self.ports is None:
            return HTTP_PORT
        return next((port.port for port in self.ports if port.is_http), None)

    @property
    def typed_values(self) -> dict[str, Any]:
        """The gateway chart's values that the typed fields stand for: `values` holds none."""
        service: dict[str, Any] = {"type": self.service_type}
        if self.ports is not None:
            service["ports"] = [
                STATUS_PORT,
                *(
                    {
                        "name": port.name,
                        "port": port.port,
                        "targetPort": port.target_port or port.port,
                        "protocol": port.protocol,
                        **({"nodePort": port.node_port} if port.node_port else {}),
                    }
                    for port in self.ports
                ),
            ]
        optional = {
            "annotations": self.annotations,
            "loadBalancerIP": self.load_balancer.ip,
            "loadBalancerClass": self.load_balancer.class_name,
            "loadBalancerSourceRanges": list(self.load_balancer.source_ranges),
        }
        values: dict[str, Any] = {
            "service": service | {key: value for key, value in optional.items() if value}
        }
        if self.direction == "egress":
            values["labels"] = {"istio": "egressgateway"}
        if self.replicas is not None:
            values |= {"replicaCount": self.replicas, "autoscaling": {"enabled": False}}
        elif self.autoscaling is not None:
            values["autoscaling"] = self.autoscaling.model_dump(by_alias=True)
        return values

    def contradictions(self, api: RoutingApi, *, taken: str) -> Iterator[Mistake]:
        """Name the fields that are fine alone and wrong together."""
        if self.namespace == taken:
            rule = "must differ from bookinfoNamespace: gateways come before applications"
            yield ("namespace",), rule, self.namespace
        if self.service_type != "LoadBalancer" and self.load_balancer != LoadBalancer():
            rule = "needs serviceType LoadBalancer"
            yield ("loadBalancer",), rule, self.service_type
        if self.replicas is not None and self.autoscaling is not None:
            yield ("replicas",), "can't be set beside autoscaling", self.replicas
        scale = self.autoscaling or Autoscaling()
        if scale.min_replicas > scale.max_replicas:
            rule = f"can't be more than maxReplicas, {scale.max_replicas}"
            yield ("autoscaling", "minReplicas"), rule, scale.min_replicas
        yield from self._port_contradictions(api)
        if api == "gateway-api":
            given = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
            for field in sorted(CHART_ONLY & given.keys()):
                rule = "is for the gateway chart, which routingApi gateway-api doesn't use"
                yield (field,), rule, given[field]
            return
        for path in _paths(self.typed_values):
            if (value := _at(self.values, path)) is not None:
                rule = "is said by a field of the gateway"
                yield ("values", *path), rule, value

    def _port_contradictions(self, api: RoutingApi) -> Iterator[Mistake]:
        numbers = Counter([("TCP", STATUS_PORT["port"])])
        names = Counter([STATUS_PORT["name"]])
        for index, port in enumerate(self.ports or ()):
            numbers[port.protocol, port.port] += 1
            names[port.name] += 1
            if numbers[port.protocol, port.port] > 1:
                rule = "each port is there once, 15021 by itself"
                yield ("ports", index, "port"), rule, port.port
            if names[port.name] > 1:
                rule = "each port has a name of its own, status-port is 15021's"
                yield ("ports", index, "name"), rule, port.name
            if port.node_port and self.service_type == "ClusterIP":
                rule = "needs serviceType NodePort or LoadBalancer"
                yield ("ports", index, "nodePort"), rule, port.node_port
            if api == "gateway-api" and not port.is_http:
                rule = "with routingApi gateway-api a port is one of http, http2 or grpc"
                yield ("ports", index, "name"), rule, port.name
            if api == "gateway-api" and (port.target_port or port.node_port):
                rule = "routingApi gateway-api leaves targetPort and nodePort to istiod"
                yield ("ports", index), rule, port.port


def contradictions(
    gateways: Sequence[Gateway], api: RoutingApi, *, taken: str
) -> Iterator[Mistake]:
    """Name what is wrong in and between gateways; `taken` is the application's namespace."""
    if all(gateway.direction == "egress" for gateway in gateways):
        yield (), "must hold an ingress gateway: Bookinfo is reached by it", len(gateways)
    ingress = next((each for each in gateways if each.direction == "ingress"), None)
    names, labels = Counter[str](), Counter[str]()
    for index, gateway in enumerate(gateways):
        if gateway is ingress and gateway.http_port is None:
            rule = "must hold one of http, http2 or grpc: Bookinfo is reached by it"
            yield (index, "ports"), rule, [port.name for port in gateway.ports or ()]
        names[gateway.name] += 1
        labels[gateway.name.removeprefix("istio-")] += 1
        if names[gateway.name] > 1:
            yield (index, "name"), "each gateway has a name of its own", gateway.name
        elif labels[gateway.name.removeprefix("istio-")] > 1:
            rule = "must differ from another's by more than istio-, which their pods' labels lack"
            yield (index, "name"), rule, gateway.name
        for steps, rule, got in gateway.contradictions(api, taken=taken):
            yield (index, *steps), rule, got


def _paths(values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """List the paths of the leaves."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from ((key, *path) for path in _paths(value))
        else:
            yield (key,)


def _at(values: Any, path: tuple[str, ...]) -> Any:
    """Return what is at a path, or above it where something else than an object is in the way."""
    for step in path:
        if not isinstance(values, Mapping):
            return values
        values = values.get(step)
    return values
