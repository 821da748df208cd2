"""Watches of whole collections, shared by everyone who waits for something in them."""

import queue
import threading
from typing import NamedTuple

import httpx2

from ..cluster import Cluster
from ..errors import ResourceError
from ..objects import Object, name_of, namespace_of, pluck, uid_of

WATCH_SECONDS = 120
RETRY_SECONDS = 1.0


class Event(NamedTuple):
    """A change of one object; `kind` is ADDED, MODIFIED or DELETED, `tag` the subscriber's."""

    tag: str
    kind: str
    object: Object


class Informers:
    """One watch for each collection that somebody waits in."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._informers: dict[str, _Informer] = {}

    def subscribe(self, path: str, tag: str, events: "queue.Queue[Event]") -> None:
        """Send the collection's present objects, then its changes, to a queue."""
        with self._lock:
            informer = self._informers.get(path)
            if informer is None or not informer.add(tag, events):
                informer = self._informers[path] = _Informer(self._cluster, path)
                informer.add(tag, events)
                informer.start()

    def unsubscribe(self, events: "queue.Queue[Event]") -> None:
        """Send nothing more to a queue."""
        with self._lock:
            for informer in self._informers.values():
                informer.drop(events)


class _Informer(threading.Thread):
    def __init__(self, cluster: Cluster, path: str) -> None:
        super().__init__(daemon=True, name=f"watch {path}")
        self._cluster = cluster
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Object] = {}
        self._subscribers: list[tuple[str, queue.Queue[Event]]] = []
        self._ended = False
        self._pause = threading.Event()

    def add(self, tag: str, events: "queue.Queue[Event]") -> bool:
        with self._lock:
            if self._ended:
                return False
            self._subscribers.append((tag, events))
            for obj in self._known.values():
                events.put(Event(tag, "ADDED", obj))
            return True

    def drop(self, events: "queue.Queue[Event]") -> None:
        with self._lock:
            self._subscribers = [entry for entry in self._subscribers if entry[1] is not events]

    def run(self) -> None:
        version = ""
        while True:
            with self._lock:
                if not self._subscribers:
                    self._ended = True
                    return
            try:
                version = self._follow(version or self._list())
            except (ResourceError, httpx2.HTTPError, ValueError):
                # Whoever waits has a timeout; a broken connection is tried again till then.
                version = ""
                self._pause.wait(RETRY_SECONDS)

    def _list(self) -> str:
        answer = self._cluster.get(self._path)
        kind = str(answer.get("kind", "")).removesuffix("List")
        fresh = {}
        for item in answer.get("items") or []:
            # Items of a list carry neither field.
            obj = {"apiVersion": answer.get("apiVersion"), "kind": kind} | item
            fresh[_key(obj)] = obj
        with self._lock:
            gone = [obj for key, obj in self._known.items() if key not in fresh]
            before, self._known = self._known, fresh
            for obj in gone:
                self._send("DELETED", obj)
            for key, obj in fresh.items():
                if _version(before.get(key)) != _version(obj):
                    self._send("MODIFIED" if key in before else "ADDED", obj)
        return _version(answer)

    def _follow(self, version: str) -> str:
        for event in self._cluster.watch(self._path, version, seconds=WATCH_SECONDS):
            kind, obj = event["type"], event["object"]
            if kind == "ERROR":
                # Usually 410: the version is too old, so the collection is listed anew.
                return ""
            version = _version(obj)
            if kind == "BOOKMARK":
                continue
            with self._lock:
                if kind == "DELETED":
                    self._known.pop(_key(obj), None)
                else:
                    self._known[_key(obj)] = obj
                self._send(kind, obj)
        return version

    def _send(self, kind: str, obj: Object) -> None:
        for tag, events in self._subscribers:
            events.put(Event(tag, kind, obj))


def _key(obj: Object) -> tuple[str, str]:
    return f"{namespace_of(obj)}/{name_of(obj)}", uid_of(obj)


def _version(obj: Object | None) -> str:
    return pluck(obj, "metadata", "resourceVersion") or ""
