"""What an application stands on, whoever brings it up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.injection.kube_inject import Injector
from mesh.istio.release import TODAY, Layout
from mesh.resources.ready import Ready
from mesh.settings.platform_contract import PlatformContract


def _nothing() -> Ready:
    return pulumi.Output.from_input([])


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """A platform: its contract, and what of it is this stack's and must be waited for."""

    contract: PlatformContract
    provider: kubernetes.Provider
    layout: Layout = TODAY
    """The generation of its release: what applications of that time are made of."""
    address: pulumi.Input[str]
    """Of the ingress gateway."""
    injectors: Mapping[str, Injector] = field(default_factory=dict)
    """By revision; none where the control planes are another stack's."""
    injects: Ready = field(default_factory=_nothing)
    """Pods that are made from now on are in the mesh."""
    lets_in: Ready = field(default_factory=_nothing)
    """The gateways."""
