"""Gateways in a stack's config."""

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from mesh.settings.fields import (
    MOST,
    Annotations,
    Model,
    Name,
    OwnNamespace,
    Replicas,
    is_host,
    is_qualified,
)

RoutingApi = Literal["istio", "gateway-api"]

STATUS_PORT = {"name": "status-port", "port": 15021, "targetPort": 15021, "protocol": "TCP"}
"""Port of the proxy's health check; load balancers check the first port of a Service."""

NODE_PORTS = range(30000, 32768)
"""Kubernetes' default range of node ports."""

PROXY_PORTS = {
    15000: "Envoy's administration",
    15004: "debugging",
    15020: "the agent's metrics",
    15021: "the health check",
    15053: "DNS",
    15090: "Envoy's metrics",
}
"""Ports that the proxy listens on already (istio.io, Application Requirements)."""

HTTP_PORT = 80
"""Default port of the chart for plain HTTP, which a URL may leave out."""

HTTPS_PORT = 443
"""Default port of the chart for HTTPS, which a URL may leave out."""

CA_SUFFIX = "-cacert"
"""Suffix of a Secret with the CA of a credential's clients (istio.io, Secure Gateways)."""

CLASS = "istio"
"""GatewayClass of the Gateway API's gateways that istiod deploys proxies for."""

BY_DIRECTION = {
    "ingress": {"name": "istio-ingressgateway", "serviceType": "LoadBalancer"},
    "egress": {"name": "istio-egressgateway", "serviceType": "ClusterIP"},
    "east-west": {"name": "istio-eastwestgateway", "serviceType": "LoadBalancer"},
}

# A Service's name is a DNS label (RFC 1035); helm's limit for a release's name is 53 characters.
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
    if not value.partition("/")[2].isdecimal():
        raise ValueError("a source range is a network with the length of its prefix: 192.0.2.0/24")
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"a source range is a network, such as 192.0.2.0/24: {error}") from error
    return value


def _address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError as error:
        raise ValueError(f"an address is an IP, such as 192.0.2.10: {error}") from error
    if "%" in value:
        raise ValueError("an address can't have a zone, which only one machine knows")
    return value


def _class_name(value: str) -> str:
    if value and not is_qualified(value):  # an empty one is none
        raise ValueError(
            "a load balancer's class is up to 63 letters, digits, '-', '_' and '.', after a domain "
            "and '/' if any, such as service.k8s.aws/nlb"
        )
    return value


def _node_port(value: int) -> int:
    if value not in NODE_PORTS:
        raise ValueError(
            f"must be in {NODE_PORTS[0]} to {NODE_PORTS[-1]}; for a cluster with another "
            "--service-node-port-range, write the ports into the gateway's values.service.ports"
        )
    return value


def _target_port(value: int) -> int:
    if value in PROXY_PORTS:
        raise ValueError("is a port of the proxy's own, for " + PROXY_PORTS[value])
    return value


def _dns_name(value: str) -> str:
    if not is_host(value.removeprefix("*.")):
        raise ValueError("must be a DNS name in lower case, such as example.com or *.example.com")
    return value


def _credential(value: str) -> str:
    if value.endswith(CA_SUFFIX):
        raise ValueError(
            f"can't end with {CA_SUFFIX}: istiod looks for the clients' CA in a Secret of such a "
            "name; put it as ca.crt into the Secret with the certificate"
        )
    return value


PortNumber = Annotated[int, Field(ge=1, le=65535)]
TLSMode = Literal["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "PASSTHROUGH"]
"""Mode of TLS at a gateway, as in Istio's Gateway."""
TLSVersion = Literal["TLSV1_2", "TLSV1_3"]
"""Versions for which Istio's gateways have ciphers by default."""
CredentialName = Annotated[Name, AfterValidator(_credential)]


class Issuer(Model):
    """Issuer of cert-manager, which signs the certificate and renews it."""

    name: Name
    kind: Literal["Issuer", "ClusterIssuer"] = "ClusterIssuer"
    dns_names: tuple[Annotated[str, AfterValidator(_dns_name)], ...] = ()
    """Host names in the certificate; none = Bookinfo's host."""


class TLS(Model):
    """TLS of a gateway's port."""

    mode: TLSMode = "SIMPLE"
    credential_name: CredentialName | None = None
    """Secret with the certificate, in the gateway's namespace; None for PASSTHROUGH."""
    min_protocol_version: TLSVersion | None = None
    """Oldest accepted version; None = Istio's default, TLSV1_2."""
    issuer: Issuer | None = None
    """Issuer of the certificate; None = the Secret is the stack's or exists already."""


class Port(Model):
    """A port of the gateway's Service."""

    name: Annotated[str, AfterValidator(_port_name)]
    port: PortNumber
    target_port: Annotated[PortNumber, AfterValidator(_target_port)] | None = None
    """Port that the proxy listens on; None = the same as `port`."""
    protocol: Literal["TCP", "UDP"] = "TCP"
    node_port: Annotated[PortNumber, AfterValidator(_node_port)] | None = None
    tls: TLS | None = None
    https_redirect: bool = False
    """Whether plain HTTP is answered with a redirect to HTTPS."""

    @property
    def is_http(self) -> bool:
        """Whether the port carries plain HTTP, by Istio's convention for the names of ports."""
        return self.name.partition("-")[0] in ("http", "http2", "grpc")

    @property
    def is_https(self) -> bool:
        """Whether the gateway ends the TLS of requests on this port."""
        return self.tls is not None and self.tls.mode != "PASSTHROUGH"


class LoadBalancer(Model):
    """Settings of the cloud's load balancer."""

    ip: Annotated[str, AfterValidator(_address)] | None = None
    class_name: Annotated[
        Annotated[str, AfterValidator(_class_name)] | None, Field(alias="class")
    ] = None
    source_ranges: tuple[Annotated[str, AfterValidator(_network)], ...] = ()


class Autoscaling(Model):
    """Number of proxies, scaled by their CPU load."""

    min_replicas: Replicas = 1
    max_replicas: Replicas = 5
    target_cpu: Annotated[int, Field(ge=1, le=MOST, alias="targetCPUUtilizationPercentage")] = 80


class Gateway(Model):
    """Gateway of a stack; `{}` is the ingress gateway of Istio's docs."""

    direction: Literal["ingress", "egress", "east-west"] = "ingress"
    """Origin of its requests; east-west = other networks of the mesh."""
    name: Annotated[str, AfterValidator(_name)]
    namespace: OwnNamespace | None = None
    """Namespace of the gateway; None = istiod's."""
    service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"]
    ports: Annotated[tuple[Port, ...], Field(min_length=1)] | None = None
    """Ports in addition to the status port; None = 80 and 443, or 80 with the Gateway API."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the Service, which cloud providers read."""
    load_balancer: LoadBalancer = LoadBalancer()
    replicas: Replicas | None = None
    autoscaling: Autoscaling | None = None
    """Autoscaling; None = the chart's default, from 1 to 5, unless `replicas` is set."""
    values: dict[str, Any] = Field(default_factory=dict)
    """Raw values of the gateway chart that no other field sets."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """Fill in the usual name and service type for the gateway's direction."""
        if not isinstance(given, dict):
            return given
        usual = BY_DIRECTION.get(str(given.get("direction")), BY_DIRECTION["ingress"])
        return {**usual, **given}

    def proxy_name(self, api: RoutingApi) -> str:
        """Return the name of its Deployment, Service and ServiceAccount.

        The chart uses the gateway's name; istiod appends the class for the Gateway API.
        """
        return self.name if api == "istio" else f"{self.name}-{CLASS}"

    @property
    def selector(self) -> dict[str, str]:
        """Label by which Istio's Gateway objects select its pods."""
        if self.direction == "egress":
            return {"istio": "egressgateway"}
        own = self.values.get("labels", {}).get("istio")
        return {"istio": own or self.name.removeprefix("istio-")}

    @property
    def http_port(self) -> int | None:
        """Port for plain HTTP: the first such port, or the chart's 80."""
        if self.ports is None:
            return HTTP_PORT
        return next((port.port for port in self.ports if port.is_http), None)

    @property
    def https_port(self) -> Port | None:
        """Port for HTTPS: the first one with a certificate."""
        return next((port for port in self.ports or () if port.is_https), None)

    @property
    def redirects(self) -> str | None:
        """Name of the port for plain HTTP, if it redirects to HTTPS."""
        http = next((port for port in self.ports or () if port.is_http), None)
        return http.name if http and http.https_redirect else None

    @property
    def credential_names(self) -> tuple[str, ...]:
        """Secrets with the certificates of its ports, each once."""
        named = (port.tls.credential_name for port in self.ports or () if port.tls)
        return tuple(dict.fromkeys(name for name in named if name))
