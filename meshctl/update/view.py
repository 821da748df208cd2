"""The view of a running update: its phases, what it waits for and why, and how long it may take."""

from collections.abc import Mapping
from dataclasses import dataclass

from meshctl.update import phases, record
from meshctl.update.events import Step, Update
from meshctl.update.phases import Phase
from meshctl.update.record import Record
from meshctl.update.waiting import Watch

AWAITED = 3.0  # seconds after which an operation counts as a wait
STARTS_PODS = ("Deployment", "DaemonSet")
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
        had = dict.fromkeys(phases.phase_of(each.urn) for each in found.steps)
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
    def estimate(self) -> str:
        """How long it may still take, by the last update of its kind; empty without one."""
        if not self.update.steps or (found := self._last) is None:
            return ""
        words = {"create": "creation", "update": "update", "destroy": "destroy"}
        left = found.seconds - self.update.seconds
        remains = f"about {left:.0f} s left" if left >= 1 else "longer than usual"
        return f"{remains}: the last {words[found.kind]} took {found.seconds:.0f} s"

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
        return reason.text if reason else step.says
