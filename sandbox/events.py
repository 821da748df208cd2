"""Events of objects, as Kubernetes' own components write them: a repeated one is counted."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import lightkube
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Event
from lightkube.types import PatchType

Key = tuple[str, str, str]
"""The object's uid, the reason and the message of an event."""


class Events:
    """The events that a component writes."""

    def __init__(self, client: lightkube.Client, component: str) -> None:
        """Set the component's name, such as kubelet."""
        self._client, self._component = client, component
        self._told: dict[Key, tuple[str, int]] = {}
        """The name and count of each event."""

    def tell(self, about: Any, kind: str, reason: str, message: str) -> None:
        """Write an event, Normal or Warning, or count it once more."""
        metadata, now = about.metadata, datetime.now(UTC)
        key = (str(metadata.uid), reason, message)
        with suppress(ApiError):  # its namespace may be ending
            if key in self._told and self._count(key, metadata.namespace, now):
                return
            event = Event(
                metadata=ObjectMeta(generateName=f"{metadata.name}.", namespace=metadata.namespace),
                involvedObject=ObjectReference(
                    kind=type(about).__name__,
                    apiVersion="v1",
                    name=metadata.name,
                    namespace=metadata.namespace,
                    uid=metadata.uid,
                ),
                **{"type": kind, "reason": reason, "message": message, "count": 1},
                source=EventSource(component=self._component),
                firstTimestamp=now,
                lastTimestamp=now,
            )
            made = self._client.create(event)
            self._told[key] = (str(made.metadata.name), 1)

    def _count(self, key: Key, namespace: str | None, now: datetime) -> bool:
        """Count an event once more; return False if it is gone: it is kept for an hour."""
        name, count = self._told[key]
        self._told[key] = (name, count + 1)
        again = {"count": count + 1, "lastTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
        try:
            self._client.patch(
                *(Event, name, again), namespace=namespace, patch_type=PatchType.MERGE
            )
        except ApiError as error:
            if error.status.code != 404:
                raise
            return False
        return True
