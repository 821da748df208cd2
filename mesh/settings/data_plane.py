"""How pods join the mesh: what each way asks of the nodes, the namespace and the pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mesh.bookinfo.services import FRONT
from mesh.validation.messages import below, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mesh.settings.schema import Settings

Injection = Literal["auto", "manual", "ambient", "off"]
NodeAgent = Literal["istio-cni", "ztunnel"]

REDIRECTED_BY = "mesh.pulumi.com/redirected-by"


@dataclass(frozen=True, kw_only=True)
class DataPlane:
    """A stack's choice, and all that follows from it.

    A pod gets or loses its sidecar only when it is created. So each way shows in the pods' own
    template: a change of it makes the pods anew, after the namespace's label has changed.
    """

    injection: Injection
    cni: bool
    """Whether istio-cni redirects the traffic of sidecars; ambient mode has it anyway."""

    @property
    def is_ambient(self) -> bool:
        """Whether the nodes' ztunnels carry the traffic, in place of sidecars."""
        return self.injection == "ambient"

    @property
    def has_sidecars(self) -> bool:
        """Whether each pod has a proxy of its own."""
        return self.injection in ("auto", "manual")

    @property
    def node_agents(self) -> tuple[NodeAgent, ...]:
        """What each node runs, in install order."""
        if self.is_ambient:
            return ("istio-cni", "ztunnel")
        return ("istio-cni",) if self.cni else ()

    @property
    def changes_network_in_pods(self) -> bool:
        """Whether an init container of each pod redirects its traffic, with rights to do so."""
        return self.has_sidecars and not self.cni

    def namespace_labels(self, revision: str | None) -> dict[str, str]:
        """Return what the namespace bears; `revision` is a revision or tag, None the default one.

        Never two at once: istio-injection would beat the revision.
        """
        match self.injection:
            case "auto":
                return {"istio.io/rev": revision} if revision else {"istio-injection": "enabled"}
            case "ambient":
                return {"istio.io/dataplane-mode": "ambient"}
            case "manual" | "off":
                return {}

    @property
    def pod_labels(self) -> dict[str, str]:
        """What the pods bear: without sidecars, that the injector is to leave them alone."""
        return {} if self.has_sidecars else {"sidecar.istio.io/inject": "false"}

    @property
    def pod_annotations(self) -> dict[str, str]:
        """What the pods bear so that they are made anew when istio-cni comes or goes."""
        return {REDIRECTED_BY: "istio-cni"} if self.has_sidecars and self.cni else {}


def contradictions(stack: Settings, prefix: str) -> Iterator[str]:
    """Name the values that are fine alone and wrong together."""
    if stack.node_agents_namespace in (
        stack.istio_namespace,
        *stack.gateway_namespaces,
        stack.bookinfo_namespace,
    ):
        yield wrong(
            f"{prefix}nodeAgentsNamespace",
            "must be a namespace of its own, for its pods may do on a node what others may not",
            stack.node_agents_namespace,
        )
    platform = stack.platform_contract
    if stack.data_plane.is_ambient and platform and "ztunnel" not in platform.node_agents:
        yield wrong(
            f"{prefix}injection",
            "can be ambient where the platform is: its nodes run no ztunnel",
            stack.injection,
        )
    if stack.data_plane.is_ambient and stack.profile not in (None, "ambient"):
        yield wrong(
            f"{prefix}profile",
            f"must be ambient, or not set, with {prefix}injection ambient",
            stack.profile,
        )
    if stack.pod_security and stack.data_plane.changes_network_in_pods:
        yield wrong(
            f"{prefix}podSecurity",
            f"needs {prefix}cni true, or {prefix}injection ambient or off: else an init container "
            "of each pod changes its network, which every standard forbids",
            stack.pod_security,
        )
    if stack.pod_security == "restricted" and stack.addons:
        yield wrong(
            f"{prefix}addons",
            f"the releases' samples keep to baseline only, set {prefix}podSecurity to that, "
            "or drop them",
            sorted(stack.addons),
        )
    if not stack.data_plane.has_sidecars:
        yield from _without_sidecars(stack, prefix)


def _without_sidecars(stack: Settings, prefix: str) -> Iterator[str]:
    """Name what only sidecars do, and nobody would say that it isn't done."""
    need = f"needs {prefix}injection auto or manual"
    if stack.deny_by_default:
        yield wrong(
            f"{prefix}denyByDefault",
            f"{need}: the sidecars are what tells a caller's requests apart by their methods",
            stack.deny_by_default,
        )
    own = stack.mtls_by_namespace.get(stack.bookinfo_namespace)
    if own == "strict" and not stack.data_plane.is_ambient:
        yield wrong(
            below(f"{prefix}mtlsByNamespace", stack.bookinfo_namespace),
            f"needs {prefix}injection other than off: a pod without a proxy takes plain text",
            own,
        )
    for service in [each for each in stack.traffic_plan if each != FRONT]:
        yield wrong(
            below(f"{prefix}trafficPlan", service),
            f"{need}: requests between Bookinfo's own services are led by the sidecar of the "
            f"service that asks; without, the ingress gateway leads those to {FRONT}",
            stack.injection,
        )
