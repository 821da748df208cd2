"""Pulumi's events: the one reader of the file that a running command writes them to.

Events carry whole objects, and so secrets: only what is declared here is decoded.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

EVENT_LOG = "--event-log"
"""Pulumi's option for a file that it writes its events to; its Automation API uses it too."""
ENDED = "an unhandled error occurred: program exited"
"""How Pulumi's error begins when the program ended and didn't say why."""
CHART = "kubernetes:helm.sh/v3:Chart"  # no object, but the parent of a chart's objects
STACK = "pulumi:pulumi:Stack"
KEEP = "keep"
"""The operation of a destroy on an object that stays in the cluster; Pulumi calls it delete."""
PAUSE = 0.1  # seconds between two looks at the events


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Inputs(msgspec.Struct):
    metadata: _Metadata | None = None


class _State(msgspec.Struct):
    inputs: msgspec.Raw = msgspec.Raw(b"{}")
    is_retained: bool = msgspec.field(name="retainOnDelete", default=False)


class _Resource(msgspec.Struct):
    op: str
    urn: str
    old: _State | None = None
    new: _State | None = None


class _Step(msgspec.Struct):
    metadata: _Resource
    is_planned: bool = msgspec.field(name="planning", default=False)
    """Whether it is a preview's, which changes nothing."""


class _Diagnostic(msgspec.Struct):
    message: str
    severity: str = ""
    urn: str = ""
    prefix: str = ""
    ephemeral: bool = False


class _Policy(msgspec.Struct):
    message: str
    policy: str = msgspec.field(name="policyName", default="")
    level: str = msgspec.field(name="enforcementLevel", default="")


class _Summary(msgspec.Struct):
    changes: dict[str, int] | None = msgspec.field(name="resourceChanges", default=None)
    is_preview: bool = msgspec.field(name="isPreview", default=False)


class Event(msgspec.Struct):
    """One event; of its kinds, those that somebody here needs."""

    begun: _Step | None = msgspec.field(name="resourcePreEvent", default=None)
    done: _Step | None = msgspec.field(name="resOutputsEvent", default=None)
    failed: _Step | None = msgspec.field(name="resOpFailedEvent", default=None)
    diagnostic: _Diagnostic | None = msgspec.field(name="diagnosticEvent", default=None)
    policy: _Policy | None = msgspec.field(name="policyEvent", default=None)
    summary: _Summary | None = msgspec.field(name="summaryEvent", default=None)


_DECODER = msgspec.json.Decoder(Event)
_INPUTS = msgspec.json.Decoder(_Inputs)


@dataclass(kw_only=True)
class Step:
    """An operation on a resource, such as the creation of a Deployment."""

    urn: str
    op: str
    name: str
    """The object's namespace and name; of other resources, the name in the program."""
    begun: float
    """Seconds since the command began, as all times."""
    ended: float | None = None
    has_failed: bool = False
    says: str = ""
    """What the Kubernetes plugin said last about the wait for the object."""

    @property
    def kind(self) -> str:
        """The resource's kind, such as Deployment."""
        return urn_type(self.urn).rpartition(":")[2]

    @property
    def is_object(self) -> bool:
        """Whether it is an object in the cluster."""
        return is_object(self.urn)

    @property
    def changes(self) -> bool:
        """Whether the object is changed."""
        return self.is_object and self.op not in ("same", "read", "refresh", KEEP)

    def __str__(self) -> str:
        """Name the object as Kubernetes does: its kind, namespace and name."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What the program, Pulumi or a policy said about the stack or a resource."""

    severity: str
    text: str
    urn: str = ""


@dataclass(kw_only=True)
class Update:
    """What a running Pulumi command has told by its events."""

    steps: list[Step] = field(default_factory=list)
    """Each operation, in the order in which they were begun."""
    messages: list[Message] = field(default_factory=list)
    changes: dict[str, int] = field(default_factory=dict)
    """The number of resources by operation; empty until the command has ended."""
    program: str = ""
    """Pulumi's message about the end of the program; empty while it runs, or if it said why."""
    is_interrupted: bool = False
    """Whether the person has pressed Ctrl-C: a second one would end running operations at once."""
    is_preview: bool = False
    """Whether it has a preview first, which changes nothing; False when that is over."""
    began: float = field(default_factory=time.monotonic)
    _open: dict[str, Step] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """The seconds since the command began."""
        return time.monotonic() - self.began

    @property
    def running(self) -> list[Step]:
        """The operations on objects that Pulumi has begun and not ended."""
        # A copy: other threads read it too.
        return [step for step in list(self._open.values()) if step.is_object]

    @property
    def failed(self) -> list[Step]:
        """The operations that have failed."""
        return [step for step in list(self.steps) if step.has_failed]

    @property
    def changed(self) -> list[Step]:
        """The operations that have changed an object."""
        return [s for s in self.steps if s.changes and s.ended is not None and not s.has_failed]

    @property
    def is_first(self) -> bool:
        """Whether the stack is created, rather than updated."""
        return any(urn_type(each.urn) == STACK and each.op == "create" for each in self.steps)

    def add(self, line: str | bytes, at: float) -> None:
        """Take in the next event, unless it has another form: another Pulumi may write others."""
        try:
            event = _DECODER.decode(line)
        except msgspec.DecodeError:
            return
        if event.begun and not event.begun.is_planned:
            self._begin(event.begun.metadata, at)
        if event.done or event.failed:
            self._end(event, at)
        if event.diagnostic:
            self._hear(event.diagnostic)
        if event.policy:
            severity = "error" if event.policy.level == "mandatory" else "warning"
            said = f"[{event.policy.level}]  {event.policy.policy}: {event.policy.message.strip()}"
            self._tell(Message(severity=severity, text=said))
        if event.summary and event.summary.is_preview:
            self.is_preview = False
        elif event.summary:
            self.changes = event.summary.changes or {}

    def _begin(self, resource: _Resource, at: float) -> None:
        self.is_preview = False
        is_kept = resource.op == "delete" and resource.old is not None and resource.old.is_retained
        op = KEEP if is_kept else resource.op
        step = Step(urn=resource.urn, op=op, name=_name(resource), begun=at)
        self.steps.append(step)
        self._open[step.urn] = step

    def _end(self, event: Event, at: float) -> None:
        ended = event.failed or event.done
        assert ended is not None  # noqa: S101 - one of them is what it is called for
        step = self._open.pop(ended.metadata.urn, None)
        if step is None:
            return  # a preview's, or the second time that a component tells its outputs
        step.ended, step.has_failed = at, event.failed is not None

    def _hear(self, said: _Diagnostic) -> None:
        text = said.message.strip()
        if text.casefold().startswith(ENDED):
            self.program = text
        if said.severity == "debug":  # it may hold values of properties
            return
        if said.ephemeral:
            if text and (step := self._open.get(said.urn)):
                step.says = text
        elif text:
            self._tell(Message(severity=said.severity.partition("#")[0], text=text, urn=said.urn))

    def _tell(self, message: Message) -> None:
        if message not in self.messages:  # an update says again what its preview said
            self.messages.append(message)


def urn_type(urn: str) -> str:
    """Return a resource's own type, without its parents'."""
    return urn.split("::")[2].rpartition("$")[2]


def is_object(urn: str) -> bool:
    """Return whether a resource is an object in the cluster: no component, and no chart."""
    own = urn_type(urn)
    return own.startswith("kubernetes:") and own != CHART


def _name(resource: _Resource) -> str:
    state = resource.new or resource.old
    with suppress(msgspec.DecodeError):  # the metadata may be a secret as a whole
        metadata = _INPUTS.decode(state.inputs).metadata if state else None
        if metadata and metadata.name:
            return "/".join(filter(None, (metadata.namespace, metadata.name)))
    return resource.urn.rpartition("::")[2]


@contextmanager
def followed(file: Path, update: Update, *users: Callable[[], None]) -> Generator[None]:
    """Read the events while the block runs, and call each user after each look at them."""
    over = threading.Event()
    reading = threading.Thread(target=_follow, args=(file, update, users, over), daemon=True)
    reading.start()
    try:
        yield
    finally:
        over.set()
        reading.join()


def _follow(
    file: Path, update: Update, users: tuple[Callable[[], None], ...], over: threading.Event
) -> None:
    lines, is_last = _lines(file), False
    while not is_last:
        is_last = over.wait(PAUSE)
        for line in next(lines):
            update.add(line, round(update.seconds, 2))
        for use in users:
            use()


def _lines(file: Path) -> Iterator[list[bytes]]:
    """Yield the lines that were written since the last time."""
    unread = b""
    # Not as text: what is written so far may end within a letter.
    with file.open("rb") as opened:
        while True:
            # An update begins the file of its preview anew.
            if file.stat().st_size < opened.tell():
                opened.seek(0)
                unread = b""
            *lines, unread = (unread + opened.read()).split(b"\n")
            yield lines
