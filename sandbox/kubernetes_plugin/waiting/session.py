"""One wait: its events, its deadline, its cancellation and its status line."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from ..cluster import Cluster
from ..errors import NotReadyError, ResourceError
from ..objects import Gvk, Object, gvk_of, name_of, namespace_of
from .informers import Event, Informers

TICK = Event("tick", "", {})
_WAKE = Event("wake", "", {})


class Cancellation:
    """The user's wish to stop, which ends every wait at once."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._lock = threading.Lock()
        self._queues: set[queue.Queue[Event]] = set()

    def cancel(self) -> None:
        """End every wait, now and later."""
        self.event.set()
        with self._lock:
            for events in self._queues:
                events.put(_WAKE)

    def add(self, events: "queue.Queue[Event]") -> None:
        """Wake this queue's reader on cancellation."""
        with self._lock:
            self._queues.add(events)

    def drop(self, events: "queue.Queue[Event]") -> None:
        """Forget a queue."""
        with self._lock:
            self._queues.discard(events)


class WaitTimeoutError(ResourceError):
    """The time for a wait is over."""


class WaitCancelledError(ResourceError):
    """The user stopped the deployment."""


@dataclass(kw_only=True)
class Session:
    """What a wait needs, apart from what it waits for."""

    cluster: Cluster
    informers: Informers
    cancellation: Cancellation
    status: Callable[[str], None]
    """Shows one line until the next one."""
    warn: Callable[[str], None]
    """Shows a warning for good."""
    timeout: float = 600.0
    _events: "queue.Queue[Event]" = field(default_factory=queue.Queue)
    _said: str = ""

    def say(self, message: str) -> None:
        """Show a status line, unless it is the one already shown."""
        if message and message != self._said:
            self._said = message
            self.status(message)

    def follow(self, gvk: Gvk, namespace: str, tag: str) -> None:
        """Receive the events of a kind in a namespace."""
        self.informers.subscribe(self.cluster.path(gvk, namespace), tag, self._events)

    def follow_own(self, obj: Object) -> None:
        """Receive the events of an object's own collection, tagged `own`."""
        self.informers.subscribe(self.cluster.path_of(obj), "own", self._events)

    def later(self, seconds: float, tag: str) -> None:
        """Receive an event of this tag after some time."""
        timer = threading.Timer(seconds, self._events.put, (Event(tag, "", {}),))
        timer.daemon = True
        timer.start()

    def events(self) -> Iterator[Event]:
        """Give events, and a `TICK` every second without one.

        Raises:
            WaitTimeoutError: The time is over.
            WaitCancelledError: The user stopped the deployment.

        """
        deadline = time.monotonic() + self.timeout
        self.cancellation.add(self._events)
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise WaitTimeoutError("timed out waiting for the condition")
                try:
                    event = self._events.get(timeout=min(left, 1.0))
                except queue.Empty:
                    event = TICK
                if self.cancellation.event.is_set():
                    raise WaitCancelledError("context canceled")
                if event is not _WAKE:
                    yield event
        finally:
            self.cancellation.drop(self._events)
            self.informers.unsubscribe(self._events)


class Awaiter(Protocol):
    """What is waited for: it hears of objects, and says whether all is well."""

    object: Object
    """The newest version seen of the object."""
    late: ClassVar[str] = "'{name}' timed out waiting to be Ready"
    """What is said when the time is over."""
    cancelled: ClassVar[str] = 'Resource operation was cancelled for "{name}"'
    """What is said when the user stopped the deployment."""

    def subscribe(self, session: Session) -> None:
        """Ask for the events it needs."""

    def handle(self, event: Event) -> None:
        """Hear of one event.

        Raises:
            NotReadyError: The object can't get ready any more.

        """

    def ready(self) -> bool:
        """Tell whether the object is ready."""

    def suffices(self) -> bool:
        """Tell whether the object will do when nobody waits any longer."""
        return False

    def status(self) -> str:
        """Describe in one line what is missing."""

    def reasons(self) -> list[str]:
        """List why the object isn't ready."""


def wait(awaiter: Awaiter, session: Session) -> Object:
    """Wait until an awaiter is content; give the object's newest version.

    Raises:
        NotReadyError: The time is over, or the user stopped the deployment.

    """
    awaiter.subscribe(session)
    session.say(awaiter.status())
    try:
        for event in session.events():
            awaiter.handle(event)
            if awaiter.ready():
                return awaiter.object
            session.say(awaiter.status())
    except (WaitTimeoutError, WaitCancelledError) as error:
        if awaiter.suffices():
            return awaiter.object
        said = awaiter.late if isinstance(error, WaitTimeoutError) else awaiter.cancelled
        message = said.format(name=name_of(awaiter.object))
        raise NotReadyError(message, awaiter.object, awaiter.reasons()) from error
    raise AssertionError("events end by an exception only")


def is_stale(obj: Object, known: Object) -> bool:
    """Tell whether a watched version is older than the one an answer gave."""
    try:
        versions = [int(each["metadata"]["resourceVersion"]) for each in (obj, known)]
    except (KeyError, TypeError, ValueError):
        return False
    return versions[0] < versions[1]


def is_same(obj: Object, known: Object) -> bool:
    """Tell whether two versions are of one object."""
    return (gvk_of(obj).kind, name_of(obj), namespace_of(obj)) == (
        gvk_of(known).kind,
        name_of(known),
        namespace_of(known),
    )
