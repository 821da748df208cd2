"""Watches of a cluster's objects, which wake a controller."""

import logging
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus

import httpx2
import lightkube
from lightkube.core.client import LabelSelector
from lightkube.core.exceptions import ApiError
from lightkube.core.resource import NamespacedResource

WATCH_SECONDS = 60
"""The time after which a watch is replaced by a new one."""


def wake_on_events(
    config: lightkube.KubeConfig,
    wake: threading.Event,
    kinds: Mapping[type[NamespacedResource], LabelSelector | None],
    log: logging.Logger,
) -> None:
    """Set `wake` on every change of an object of some kinds, each with labels or None."""
    client = lightkube.Client(config=config, timeout=httpx2.Timeout(10, read=2 * WATCH_SECONDS))

    def follow(kind: type[NamespacedResource], labels: LabelSelector | None) -> None:
        while True:
            try:
                events = client.watch(
                    kind, namespace="*", labels=labels, server_timeout=WATCH_SECONDS
                )
                for _ in events:
                    wake.set()
            except (ApiError, httpx2.HTTPError) as error:
                # After a long time without events a watch expires; that isn't worth a log entry.
                if not (isinstance(error, ApiError) and error.status.code == HTTPStatus.GONE):
                    log.info("watching %s again: %s", kind.__name__, error)
                time.sleep(1)

    for kind, labels in kinds.items():
        threading.Thread(target=follow, args=(kind, labels), daemon=True).start()
