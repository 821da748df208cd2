"""What an application must know of the platform that it stands on: the stacks' contract."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from mesh.settings import revisions
from mesh.settings.data_plane import NodeAgent
from mesh.settings.fields import Model, Namespace
from mesh.settings.gateway import PortNumber, RoutingApi
from mesh.settings.revisions import Choice

OUTPUT = "platformContract"
"""The output of a platform stack that holds it."""
CONTRACT = 1
"""Which contract this program knows: another one when its fields change."""


class Part(Model):
    """A part of the contract, which the program writes by its fields' names too."""

    model_config = ConfigDict(validate_by_name=True)


class IngressGateway(Part):
    """The gateway that all applications share, each under a host of its own."""

    name: str
    namespace: Namespace
    account: str
    """Its pods' ServiceAccount."""
    selector: Mapping[str, str]
    """The labels of its pods."""
    port: PortNumber
    """Where plain HTTP comes in."""

    @property
    def identity(self) -> tuple[str, str]:
        """The namespace and the name of the account that its certificates name."""
        return self.namespace, self.account


class PlatformContract(Part):
    """A platform, as far as an application's objects depend on it."""

    contract: int
    istio_namespace: Namespace
    revision: str
    """The control plane of those who name none."""
    versions: Mapping[str, str]
    """Each control plane's Istio version, by its revision."""
    revision_tags: Mapping[str, str]
    routing_api: RoutingApi
    trust_domain: str
    auto_mtls: bool
    """Whether sidecars speak mutual TLS by themselves."""
    node_agents: tuple[NodeAgent, ...]
    gateway: IngressGateway
    gateway_address: str = "unknown"
    """Its load balancer's."""

    @property
    def output(self) -> dict[str, Any]:
        """All of it, as the stack's output has it."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def istio_version(self) -> str:
        """The version of its own control plane."""
        return self.versions[self.revision]

    def proxies(self, name: str | None) -> Choice:
        """Choose who gives pods their proxies, by a revision's name or a tag."""
        known = {**{each: each for each in self.versions}, **self.revision_tags}
        return revisions.choose(known, self.revision, name)

    @property
    def settings(self) -> dict[str, Any]:
        """What the platform has decided, as an application's own settings would say it."""
        return {
            "platform_contract": self,
            "istio_version": self.istio_version,
            "istio_namespace": self.istio_namespace,
            "routing_api": self.routing_api,
            "mesh_config": {"trustDomain": self.trust_domain, "enableAutoMtls": self.auto_mtls},
            "cni": "istio-cni" in self.node_agents,
        }
