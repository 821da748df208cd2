"""The record of an update: what was done when, without the objects' content."""

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from meshctl.update.events import Step, Update

KINDS = ("create", "update", "destroy")
FAILED = "failed"
"""The kind of a record that no estimate is made from."""


class Kept(msgspec.Struct, frozen=True):
    """An operation on a resource; its times are seconds since the command began."""

    urn: str
    op: str
    name: str
    begun: float
    ended: float | None
    failed: bool


class Record(msgspec.Struct, frozen=True):
    """An update that has ended."""

    stack: str
    command: str
    kind: str
    ended_at: str
    seconds: float
    steps: list[Kept]
    waits_for: dict[str, list[str]] = {}
    """The resources that each resource depends on, and its parent; empty = the state has them."""
    number: int = 0
    """The place among the stack's updates: a clock that is put back says nothing of it."""


def kind_of(update: Update, command: str) -> str:
    """Return the kind of an update, whose records its duration is estimated from."""
    return "create" if command == "up" and update.is_first else _kind(command)


def _kind(command: str) -> str:
    return "destroy" if command == "destroy" else "update"


def of(
    update: Update,
    stack: str,
    command: str,
    *,
    succeeded: bool,
    waits_for: Mapping[str, list[str]],
) -> Record:
    """Return the record of an update."""
    return Record(
        stack=stack,
        command=command,
        kind=kind_of(update, command) if succeeded else FAILED,
        ended_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        seconds=round(update.seconds, 1),
        steps=[_kept(step) for step in update.steps],
        waits_for=dict(waits_for),
    )


def write(folder: Path, record: Record) -> None:
    """Write the record where only the user can read it, over the last one of its kind."""
    file = folder / f"{record.kind}.json"
    last = max((each.number for each in all_of(folder)), default=0)
    record = msgspec.structs.replace(record, number=last + 1)
    with open_private(file) as written:
        written.write(msgspec.json.encode(record).decode())


def read(folder: Path, kind: str) -> Record | None:
    """Read the last record of a kind; None if there is none that this version can read."""
    try:
        return msgspec.json.decode((folder / f"{kind}.json").read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def all_of(folder: Path) -> list[Record]:
    """Read the last record of each kind, the newest first."""
    found = (read(folder, kind) for kind in (*KINDS, FAILED))
    return sorted(filter(None, found), key=lambda each: (each.number, each.ended_at), reverse=True)


def newest(folder: Path) -> Record | None:
    """Read the record of the last update, of whatever kind."""
    return next(iter(all_of(folder)), None)


def dependencies(resources: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return what each resource of an exported state depends on, and its parent."""
    found = {
        each["urn"]: [*(each.get("dependencies") or ()), *filter(None, [each.get("parent")])]
        for each in resources
    }
    return {urn: needs for urn, needs in found.items() if needs}


def open_private(file: Path) -> Any:
    """Open a file to write text, anew and readable by the user only."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")


def _kept(step: Step) -> Kept:
    return Kept(
        urn=step.urn,
        op=step.op,
        name=step.name,
        begun=step.begun,
        ended=step.ended,
        failed=step.has_failed,
    )
