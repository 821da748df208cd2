"""The page as HTML: the picture, the checks, routes, policies, and the last updates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from meshctl.topology.picture import ControlPlane
from meshctl.update import phases, record
from meshctl.update.events import KEEP, is_object, urn_type
from meshctl.update.record import Kept, Record
from meshctl.verify.report import RIGHTS
from meshctl.verify.snapshot import Finding

TEMPLATE = Path(__file__).with_name("page.html.j2")
MARKS = {"ok": "✓", "info": "·", "warning": "!", "wrong": "✗"}
UNCHANGED = ("same", "read", "refresh", KEEP)
SHOWN = 15  # objects of one update


@dataclass(frozen=True, kw_only=True)
class Change:
    """An update, and what it changed."""

    title: str
    objects: tuple[str, ...]
    more: int
    """The number of objects that aren't listed."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the page says."""

    stack: str
    context: str
    made_at: datetime
    versions: dict[str, str]
    control_planes: Sequence[ControlPlane]
    topology: str
    """The picture of the mesh, as SVG."""
    timeline: str
    """The timeline of the last update, as SVG; empty if there is no record of one."""
    findings: Sequence[Finding]
    left_out: str
    """Why `istioctl analyze` isn't included; empty if it is."""
    routes: Sequence[str]
    policies: Sequence[str]
    changes: Sequence[Change]


def render(report: Report) -> str:
    """Return the page. All texts are escaped; only the two drawings are put in as they are."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text())
    counts = [each.status for each in report.findings]
    return template.render(
        report=report,
        marks=MARKS,
        wrong=counts.count("wrong"),
        warnings=counts.count("warning"),
        is_whole=not any(each.check == RIGHTS for each in report.findings),
    )


def change(kept: Record) -> Change:
    """Return what an update changed."""
    changed = [step for step in kept.steps if step.op not in UNCHANGED and is_object(step.urn)]
    how = "failed" if kept.kind == record.FAILED else "ended"
    at = datetime.fromisoformat(kept.ended_at).astimezone()
    names = tuple(_named(step) for step in changed)
    return Change(
        title=f"{kept.command}, {how} on {at:%Y-%m-%d at %H:%M} after {kept.seconds:.0f} s: "
        f"{len(names)} objects changed",
        objects=names[:SHOWN],
        more=max(len(names) - SHOWN, 0),
    )


def _named(step: Kept) -> str:
    kind = urn_type(step.urn).rpartition(":")[2]
    how = "failed" if step.failed else phases.WORDS.get(step.op, step.op)
    return f"{kind} {step.name} {'may be half done' if step.ended is None else how}"
