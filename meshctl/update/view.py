"""The view of a running update: its phases, what it waits for and why, and how long it may take."""

from collections.abc import Mapping
from dataclasses import dataclass

from meshctl.update import phases, record
from meshctl.update.events import Step, Update, is_object
from meshctl.update.phases import Phase
from meshctl.update.record import Record
from meshctl.update.waiting import Watch

AWAITED = 3.0  # seconds after which an operation counts as a wait
STARTS_PODS = ("Deployment", "DaemonSet")
NOTHING_YET = {
    "{.webhooks[0].clientConfig.caBundle} selected nothing": "istiod hasn't written its CA yet",
    "{.status.loadBalancer.ingress[0]} selected nothing": "it has no address yet",
}
"""The plugin's words about what the program has it wait for (mesh/resources/), in plain ones."""
PROGRAM = "reading the config and rendering the charts"
PREVIEW = "previewing, which changes nothing"
DESTROY = "reading the state"


@dataclass(frozen=True, kw_only=True)
class View:
    """What the displays show."""

    update: Update
    watch: Watch
    stack: str
    command: str
    last: Mapping[str, Record]
    """The last record of each kind of update."""

    @property
    def phases(self) -> list[Phase]:
        """The phases that have begun, in the order of their beginnings."""
        return phases.begun(self.update)

    @property
    def to_come(self) -> list[str]:
        """The phases that the last update of the same kind had, and this one hasn't begun."""
        if not self.update.steps or (found := self._last) is None:
            return []
        begun = {phase.name for phase in self.phases}
        objects = [each.urn for each in found.steps if is_object(each.urn)]
        had = dict.fromkeys(phases.phase_of(urn) for urn in objects)
        return [name for name in had if name not in begun and name != phases.OTHER]

    @property
    def first(self) -> str:
        """What is done until the first object is worked on; empty after that."""
        if self.update.is_preview:
            return PREVIEW
        if self.phases:
            return ""
        return DESTROY if self.command == "destroy" else PROGRAM

    @property
    def over(self) -> list[Phase]:
        """The phases that are over: nothing runs, and a later one has begun."""
        begun = self.phases
        return [
            phase
            for number, phase in enumerate(begun, 1)
            if not phase.running and any(each.begun >= phase.ended for each in begun[number:])
        ]

    @property
    def left(self) -> str:
        """How long it may still take, by the last update of its kind; empty without one."""
        if not self.update.steps or (found := self._last) is None:
            return ""
        left = found.seconds - self.update.seconds
        return f"about {left:.0f} s left" if left >= 1 else "longer than usual"

    @property
    def usual(self) -> str:
        """What `left` is estimated from; empty without it."""
        if not self.left or (found := self._last) is None:
            return ""
        words = {"create": "creation", "update": "update", "destroy": "destroy"}
        return f"the last {words[found.kind]} took {found.seconds:.0f} s"

    @property
    def _last(self) -> Record | None:
        return self.last.get(record.kind_of(self.update, self.command))

    @property
    def awaited(self) -> Step | None:
        """The operation that is waited for: one that Kubernetes tells of, else the oldest."""
        waits = [s for s in self.update.running if self.update.seconds - s.begun > AWAITED]
        told_of = [step for step in waits if self.watch.of(step.name)]
        # The injector's webhook configuration waits for istiod too, and began before it.
        start_pods = [step for step in waits if step.kind in STARTS_PODS]
        return next(iter([*told_of, *start_pods, *waits]), None)

    def why(self, step: Step) -> str:
        """Return why an operation takes long: in Kubernetes' words, or those of the plugin."""
        reason = self.watch.of(step.name)
        return reason.text if reason else NOTHING_YET.get(step.says, step.says)
