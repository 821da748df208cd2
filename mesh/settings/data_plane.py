"""How pods join the mesh: what each way asks of the nodes, the namespace and the pods."""

from dataclasses import dataclass
from typing import Literal

from mesh.settings.labels import DATAPLANE_MODE, INJECT, INJECTION, REVISION

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
                return {REVISION: revision} if revision else {INJECTION: "enabled"}
            case "ambient":
                return {DATAPLANE_MODE: "ambient"}
            case "manual" | "off":
                return {}

    @property
    def pod_labels(self) -> dict[str, str]:
        """What the pods bear: without sidecars, that the injector is to leave them alone."""
        return {} if self.has_sidecars else {INJECT: "false"}

    @property
    def pod_annotations(self) -> dict[str, str]:
        """What the pods bear so that they are made anew when istio-cni comes or goes."""
        return {REDIRECTED_BY: "istio-cni"} if self.has_sidecars and self.cni else {}
