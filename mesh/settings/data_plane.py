"""Data plane: how pods join the mesh, with the node agents, labels and annotations for it."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

from mesh.settings import revisions
from mesh.settings.fields import Model
from mesh.settings.labels import AMBIENT, DATAPLANE_MODE, INJECT, INJECTION, REVISION

Injection = Literal["auto", "manual", "ambient", "off"]
NodeAgent = Literal["istio-cni", "ztunnel"]

REDIRECTED_BY = "mesh.pulumi.com/redirected-by"


class MeshNamespace(Model):
    """How the pods of somebody else's namespace join the mesh."""

    injection: Literal["auto", "ambient"] = "auto"
    revision: Annotated[str, AfterValidator(revisions.name)] | None = None
    """Revision or tag of its sidecars; None = the stack's revision."""
    create: bool = False
    """Whether the stack creates it; a destroy leaves it, since its team's objects are in it."""


@dataclass(frozen=True, kw_only=True)
class DataPlane:
    """Data plane that a stack chooses, and the consequences of the choice.

    A pod gets or loses its sidecar only when it is created. So each choice is visible in the pod
    template: a change of it recreates the pods, after the namespace's label has changed.
    """

    injection: Injection
    cni: bool
    """Whether istio-cni redirects the traffic of sidecars; ambient mode always uses istio-cni."""

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
        """Agents that run on each node, in install order."""
        if self.is_ambient:
            return ("istio-cni", "ztunnel")
        return ("istio-cni",) if self.cni else ()

    @property
    def changes_network_in_pods(self) -> bool:
        """Whether each pod has an init container with network rights that redirects its traffic."""
        return self.has_sidecars and not self.cni

    def namespace_labels(self, revision: str | None) -> dict[str, str]:
        """Return the namespace's labels; `revision` is a revision or tag, None = the default one.

        Never both labels at once: istio-injection would override istio.io/rev.
        """
        match self.injection:
            case "auto":
                return {REVISION: revision} if revision else {INJECTION: "enabled"}
            case "ambient":
                return {DATAPLANE_MODE: AMBIENT}
            case "manual" | "off":
                return {}

    @property
    def pod_labels(self) -> dict[str, str]:
        """Labels of the pods: without sidecars, the label that prevents injection."""
        return {} if self.has_sidecars else {INJECT: "false"}

    @property
    def pod_annotations(self) -> dict[str, str]:
        """Annotations of the pods, which recreate the pods when istio-cni is added or removed."""
        return {REDIRECTED_BY: "istio-cni"} if self.has_sidecars and self.cni else {}
