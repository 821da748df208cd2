"""What an application must know of the platform that it stands on: the stacks' contract."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pulumi
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from mesh.settings import revisions
from mesh.settings.data_plane import NodeAgent
from mesh.settings.fields import Namespace
from mesh.settings.gateway import HTTP_PORT, Gateway, PortNumber, RoutingApi
from mesh.settings.revisions import Choice

if TYPE_CHECKING:
    from mesh.istio.control_planes import ControlPlanes
    from mesh.settings.schema import Settings

OUTPUT = "platformContract"
"""The output of a platform stack that holds it."""
CONTRACT = 1
"""Which contract this program knows: another one when its fields change."""


class Part(BaseModel):
    """A part of the contract: strict fields, spelled as in a stack's config."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True
    )


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


def of(
    stack: "Settings", istio: "ControlPlanes", ingress: Gateway, account: tuple[str, str]
) -> PlatformContract:
    """Say what a stack's own platform is; `account` is the ingress gateway's."""
    namespace, account_name = account
    return PlatformContract(
        contract=CONTRACT,
        istio_namespace=stack.istio_namespace,
        revision=istio.own.revision,
        versions={plane.revision: plane.release.version for plane in istio.all},
        revision_tags=stack.revision_tags,
        routing_api=stack.routing_api,
        trust_domain=stack.trust_domain,
        auto_mtls=stack.mesh_config.get("enableAutoMtls", True),
        node_agents=stack.data_plane.node_agents,
        gateway=IngressGateway(
            name=ingress.name,
            namespace=namespace,
            account=account_name,
            selector=ingress.selector,
            port=ingress.http_port or HTTP_PORT,
        ),
    )


Outputs = Mapping[str, Any]


def engines_outputs(stack: str) -> Outputs:
    """Ask the running engine for another stack's outputs.

    It is what a StackReference reads, at once: names, labels and the checks before the first
    resource need plain values.
    """
    read = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": stack})
    return read.value["outputs"]


def find(stack: "Settings", outputs_of: Callable[[str], Outputs]) -> PlatformContract:
    """Return the contract of the platform that an app stack stands on, or say why there is none.

    `outputs_of` reads a stack's outputs, and fails with the reason as its message.
    """
    if stack.platform_contract is not None:
        _must_be_ours(stack.platform_contract.contract, "platformContract of this stack's config")
        return stack.platform_contract
    name = stack.platform_stack or ""  # modes.contradictions insists on it
    bring_up = f"bring it up first: pulumi up --stack {name}"
    try:
        outputs = outputs_of(name)
    except Exception as error:
        reason = str(error).rpartition("error: ")[2]
        raise pulumi.RunError(
            f"platformStack {name} can't be read: {reason}; {bring_up}; in another backend, say "
            f"what it is by {OUTPUT}"
        ) from error
    if not outputs:
        raise pulumi.RunError(f"platformStack {name} has nothing deployed; {bring_up}")
    if OUTPUT not in outputs:
        raise pulumi.RunError(
            f"platformStack {name} is no platform, its outputs are {', '.join(sorted(outputs))}: "
            f"name another one, or make it one: pulumi config set mode platform --stack {name}"
        )
    offered = outputs[OUTPUT]
    # Pulumi keeps numbers as floats.
    _must_be_ours(offered.get("contract"), f"platformStack {name}")
    try:
        return PlatformContract.model_validate(offered)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, detail["loc"])) for detail in error.errors())
        raise pulumi.RunError(
            f"platformStack {name} was brought up by another version of this program, which says "
            f"otherwise of itself: {wrong}; {bring_up}"
        ) from error


def _must_be_ours(contract: Any, whose: str) -> None:
    if contract != CONTRACT:
        raise pulumi.RunError(
            f"{whose} is of another version of this program: its contract is {contract}, and this "
            f"one's {CONTRACT}; bring both up with the same"
        )
