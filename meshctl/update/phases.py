"""The phases of an update: which part of the mesh Pulumi works on, by the program's components."""

from collections.abc import Sequence
from dataclasses import dataclass

from meshctl.update.events import KEEP, Step, Update

COMPONENT = "mesh:index:"
"""How the types of the program's own components begin."""
PHASES = {
    "CRDs": ("IstioCRDs", "GatewayAPICRDs"),
    "core": ("IstioCore",),
    "node agents": ("NodeAgents",),
    "gateways": ("Gateways",),
    "telemetry": ("Telemetry",),
    "clusters": ("ExternalIstiod", "ClusterAccess", "RemoteClusters", "CrossNetworkGateway"),
    "namespaces": ("MeshNamespaces", "InjectedNamespace"),
    "policies": ("MeshSecurity",),
    "waypoints": ("Waypoints",),
    "Bookinfo": ("Bookinfo",),
    "routes": ("BookinfoRoutes",),
}
"""The outermost components of each phase, in the order in which an `up` creates them."""
OTHER = "others"
"""The phase of a component that isn't in the table."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A phase that has begun."""

    name: str
    steps: Sequence[Step]
    """Its operations on objects; never empty."""

    @property
    def running(self) -> list[Step]:
        """The operations that haven't ended."""
        return [step for step in self.steps if step.ended is None]

    @property
    def has_failed(self) -> bool:
        """Whether one of its objects has failed."""
        return any(step.has_failed for step in self.steps)

    @property
    def begun(self) -> float:
        """When its first operation began."""
        return self.steps[0].begun

    @property
    def ended(self) -> float:
        """When its last operation ended, of those that have."""
        return max(
            (step.ended for step in self.steps if step.ended is not None), default=self.begun
        )

    @property
    def done(self) -> str:
        """The number of objects by what was done with them, such as `15 created`."""
        return counted([step for step in self.steps if step.ended is not None])

    @property
    def in_work(self) -> str:
        """The number of objects that Pulumi works on, such as `3 in work`; empty for none."""
        return f"{len(self.running)} in work" if self.running else ""


WORDS = {
    "create": "created",
    "create-replacement": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "delete-replaced": "deleted",
    "discard": "deleted",
    "import": "imported",
    "refresh": "refreshed",
    "read": "read",
    "same": "unchanged",
    KEEP: "kept",
}
"""The participle of each operation."""


def counted(steps: Sequence[Step]) -> str:
    """Return the number of operations by kind, such as `2 created, 13 unchanged`."""
    words = ["failed" if step.has_failed else WORDS.get(step.op, step.op) for step in steps]
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))


def phase_of(urn: str) -> str:
    """Return the phase of a resource, by its outermost component."""
    outermost = urn.split("::")[2].partition("$")[0].removeprefix(COMPONENT)
    return next((name for name, owns in PHASES.items() if outermost in owns), OTHER)


def begun(update: Update) -> list[Phase]:
    """List the phases that have begun, in the order of their beginnings."""
    found: dict[str, list[Step]] = {}
    for step in update.steps:
        if step.is_object:
            found.setdefault(phase_of(step.urn), []).append(step)
    return [Phase(name=name, steps=steps) for name, steps in found.items()]
