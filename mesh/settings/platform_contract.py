"""Contract between stacks: facts of a platform that an application on it depends on."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, ValidationInfo, field_validator

from mesh.settings import revisions
from mesh.settings.data_plane import NodeAgent
from mesh.settings.fields import Model, Namespace, Version
from mesh.settings.gateway import PortNumber, RoutingApi, TLSMode, TLSVersion
from mesh.settings.revisions import Choice

OUTPUT = "platformContract"
"""Output of a platform stack that holds the contract."""
CONTRACT = 1
"""Version of the contract's schema; increase it when a field changes its meaning, or goes."""


class Part(Model):
    """Part of the contract; the program may write its fields by name, in addition to camelCase."""

    model_config = ConfigDict(validate_by_name=True)


class HTTPS(Part):
    """Port for HTTPS of the ingress gateway, and the certificate that it serves there."""

    port: PortNumber
    name: str
    """Name of the port, and of the listener with the Kubernetes Gateway API."""
    mode: TLSMode
    credential_name: str
    min_protocol_version: TLSVersion | None = None
    redirect_from: str | None = None
    """Name of the port for plain HTTP that redirects to this one; None without a redirect."""
    dns_names: tuple[str, ...] = ()
    """Host names in the certificate; none where the platform's config doesn't have it."""


class IngressGateway(Part):
    """Ingress gateway that all applications share, each with its own host."""

    name: str
    namespace: Namespace
    account: str
    """ServiceAccount of its pods."""
    selector: Mapping[str, str]
    """Labels of its pods."""
    port: PortNumber | None = None
    """Port for plain HTTP; None with HTTPS only."""
    https: HTTPS | None = None
    """Port for HTTPS; None without one."""

    @property
    def identity(self) -> tuple[str, str]:
        """Namespace and name of the ServiceAccount in its certificates."""
        return self.namespace, self.account


class PlatformContract(Part):
    """Facts of a platform that an application's objects depend on."""

    contract: int
    istio_namespace: Namespace
    revision: str
    """Revision of the control plane for applications that don't choose one."""
    versions: Mapping[str, Version]
    """Istio version of each control plane, by its revision."""
    revision_tags: Mapping[str, str]
    routing_api: RoutingApi
    trust_domain: str
    auto_mtls: bool
    """Whether sidecars use mutual TLS automatically."""
    node_agents: tuple[NodeAgent, ...]
    gateway: IngressGateway | None = None
    """Gateway that applications are reached through; None on a platform for others."""
    control_plane: str | None = None
    """Cluster whose istiod serves this one; None with an istiod of its own."""
    gateway_address: str = "unknown"
    """Address of the gateway's load balancer."""

    @field_validator("versions")
    @classmethod
    def _has_own(
        cls, versions: Mapping[str, Version], fields: ValidationInfo
    ) -> Mapping[str, Version]:
        own = fields.data.get("revision")  # None if it is invalid itself
        if own is not None and own not in versions:
            raise ValueError(f"must have the version of the platform's own revision, {own!r}")
        return versions

    @property
    def output(self) -> dict[str, Any]:
        """Contract in the form of the stack's output."""
        # Without what the platform lacks, so that app stacks of older programs can read it.
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def istio_version(self) -> str:
        """Istio version of the platform's own control plane."""
        return self.versions[self.revision]

    def proxies(self, name: str | None) -> Choice:
        """Choose the control plane that gives pods their proxies, by a revision's name or a tag."""
        known = {**{each: each for each in self.versions}, **self.revision_tags}
        return revisions.choose(known, self.revision, name)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the application that the platform decides, by the names of their fields."""
        return {
            "platform_contract": self,
            "istio_version": self.istio_version,
            "istio_namespace": self.istio_namespace,
            "routing_api": self.routing_api,
            "mesh_config": {"trustDomain": self.trust_domain, "enableAutoMtls": self.auto_mtls},
            "cni": "istio-cni" in self.node_agents,
        }
