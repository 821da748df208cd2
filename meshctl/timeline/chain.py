"""The longest chain of an update: each operation waited for the one before, up to the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from meshctl.update import phases
from meshctl.update.events import is_object, urn_type
from meshctl.update.record import Kept, Record

LATER = 0.3  # seconds by which an event may be seen late


@dataclass(frozen=True, kw_only=True)
class Bar:
    """An operation on an object, and what it waited for."""

    step: Kept
    ended: float
    after: "Bar | None"
    """The last operation that had to end before this one; None if there is none."""

    @property
    def name(self) -> str:
        """The object's kind, namespace and name."""
        return f"{urn_type(self.step.urn).rpartition(':')[2]} {self.step.name}"

    @property
    def phase(self) -> str:
        """The part of the mesh that the object belongs to."""
        return phases.phase_of(self.step.urn)

    @property
    def begun(self) -> float:
        """When it began."""
        return self.step.begun

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.begun

    @property
    def gap(self) -> float:
        """The time between the end of what it waited for and its own beginning."""
        return max(self.begun - (self.after.ended if self.after else 0), 0)


@dataclass(frozen=True)
class Timeline:
    """The operations of an update on objects."""

    record: Record
    waits_for: Mapping[str, Sequence[str]]
    """The resources that each resource depends on, and its parent."""

    @cached_property
    def bars(self) -> list[Bar]:
        """The operations, in the order of their beginnings."""
        found: dict[str, Bar] = {}
        for step in sorted(self.record.steps, key=lambda each: each.begun):
            if is_object(step.urn):
                ended = self.record.seconds if step.ended is None else step.ended
                found[step.urn] = Bar(step=step, ended=ended, after=self._last_before(step, found))
        return list(found.values())

    @cached_property
    def chain(self) -> list[Bar]:
        """The operations on the longest chain, the first one first."""
        bar = max(self.bars, key=lambda each: each.ended, default=None)
        found = []
        while bar is not None:
            found.insert(0, bar)
            bar = bar.after
        return found

    @property
    def seconds(self) -> dict[str, float]:
        """Where the seconds of the longest chain went; together they are the whole time."""
        chain = self.chain
        if not chain:
            return {}
        first = self.bars[0].begun
        spent: dict[str, float] = {"before the first object": first}
        # It needs no other object, but Pulumi takes one after the other.
        spent["waiting for its turn"] = chain[0].begun - first
        for bar in chain:
            spent[bar.phase] = spent.get(bar.phase, 0) + bar.seconds
        spent["between two objects"] = sum(bar.gap for bar in chain[1:])
        spent["after the last object"] = max(self.record.seconds - chain[-1].ended, 0)
        return spent

    def _last_before(self, step: Kept, known: Mapping[str, Bar]) -> Bar | None:
        """Return the last operation to end, of those that an operation waits for."""
        before = [
            known[urn]
            for urn in self._needs(step.urn)
            if urn in known and known[urn].ended <= step.begun + LATER
        ]
        return max(before, key=lambda bar: bar.ended, default=None)

    def _needs(self, urn: str) -> set[str]:
        """Return the objects that must be done before: through components, and their parents."""
        seen, found = {urn}, set()
        left = list(self._edges.get(urn, ()))
        while left:
            needed = left.pop()
            if needed in seen:
                continue
            seen.add(needed)
            if is_object(needed):
                found.add(needed)
            else:
                left += self._edges.get(needed, ())
        return found

    @cached_property
    def _edges(self) -> Mapping[str, Sequence[str]]:
        """What each resource waits for: a destroy waits for those that depend on it."""
        if self.record.command != "destroy":
            return self.waits_for
        found: dict[str, list[str]] = {}
        for urn, needs in self.waits_for.items():
            for needed in needs:
                found.setdefault(needed, []).append(urn)
        return found
