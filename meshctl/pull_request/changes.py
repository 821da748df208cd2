"""The changes, errors and warnings of a stack, as `pulumi preview --json` reports them."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mesh import redaction
from meshctl.pull_request import engine_output, object_diff, pictures
from meshctl.pull_request.object_diff import Difference
from meshctl.topology.picture import Picture

OPERATIONS = ("delete", "replace", "update", "create")
"""The operations on an object, the most dangerous first."""
MEANINGS = {
    "delete": "delete",
    "discard": "delete",
    "discard-replaced": "replace",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "import-replacement": "replace",
    "update": "update",
    "create": "create",
    "import": "create",
}
"""The operation of each engine step that changes something (pkg/resource/deploy: step.go)."""
SHARED = frozenset(
    {
        "CustomResourceDefinition",
        "MutatingWebhookConfiguration",
        "Namespace",
        "ValidatingWebhookConfiguration",
        "provider kubernetes",
    }
)
"""Kinds that other objects depend on: a CRD or a namespace is deleted with all objects of or in
it, and webhooks decide how pods are created."""
SHOWN_LINES = 50  # at most, from the end of output that isn't JSON


@dataclass(frozen=True, kw_only=True)
class Change:
    """The change of one object."""

    operation: str
    kind: str
    name: str
    old: dict[str, Any]
    new: dict[str, Any]
    reasons: list[str]
    """The paths that can't be updated in place, so that the object is replaced."""
    places: list[str]
    """The paths that differ according to the provider."""
    is_kept: bool
    """Whether the object stays in the cluster, and is only removed from the state."""

    @property
    def is_dangerous(self) -> bool:
        """Whether the change deletes or replaces an object that others depend on."""
        return self.kind in SHARED and self.operation in ("delete", "replace")

    @cached_property
    def differences(self) -> list[Difference]:
        """The differences between the old and the new state, if there are both."""
        if self.operation not in ("replace", "update"):
            return []
        found = object_diff.differences(self.kind, self.old, self.new)
        seen = {object_diff.path(each.steps) for each in found}
        # Both sides of a secret read [secret]: only the provider knows that they differ.
        return found or [
            Difference(steps=(place,), lines=[f"~ {place}: {redaction.SECRET} or computed"])
            for place in self.places
            if place not in seen
        ]

    @property
    def is_version_labels_only(self) -> bool:
        """Whether only version labels differ, because another release rendered the object."""
        return bool(self.differences) and all(each.is_version_label for each in self.differences)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The preview of one stack."""

    stack: str
    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    pictures: tuple[Picture, Picture] | None = None
    """The mesh before and after, if the preview has all of its objects."""


def read(text: str, name: str) -> Preview:
    """Read a preview from output that may contain other text; `name` is for one without steps.

    Output without a preview, such as the log of one that failed early, becomes the error.
    """
    digest = engine_output.find(text)
    if digest is None:
        log = "\n".join(text.strip().splitlines()[-SHOWN_LINES:])
        return Preview(stack=name, errors=[redaction.text(log) or "the preview printed nothing"])
    steps = digest.get("steps") or []
    said = [d for d in digest.get("diagnostics") or [] if "$PATH" not in d["message"]]
    errors = _messages(said, "error")
    if not errors and digest.get("changeSummary") is None:
        errors = ["the preview ended early, without a summary"]
    unchanged = int((digest.get("changeSummary") or {}).get("same", 0))
    return Preview(
        stack=steps[0]["urn"].split(":")[2] if steps else name,
        changes=_changes(steps),
        unchanged=unchanged,
        pictures=None if errors else pictures.read(steps, unchanged),
        errors=errors,
        warnings=_messages(said, "warning"),
    )


def _messages(diagnostics: list[dict[str, Any]], severity: str) -> list[str]:
    """Return each message of a severity once."""
    found = (d["message"].strip() for d in diagnostics if d.get("severity") == severity)
    return list(dict.fromkeys(redaction.text(message) for message in found if message))


def _changes(steps: list[dict[str, Any]]) -> list[Change]:
    """Return each object's change, sorted; the steps of a replacement are one change."""
    found: dict[str, Change] = {}
    for step in steps:
        operation = MEANINGS.get(step["op"])
        old, new = step.get("oldState") or {}, step.get("newState") or {}
        if operation is None or not (new or old).get("custom"):
            continue
        if step["urn"] not in found or (old and new):
            found[step["urn"]] = _change(operation, step, old, new)
    return sorted(found.values(), key=lambda c: (OPERATIONS.index(c.operation), c.kind, c.name))


def _change(
    operation: str, step: dict[str, Any], old: dict[str, Any], new: dict[str, Any]
) -> Change:
    metadata = ((new or old).get("inputs") or {}).get("metadata") or {}
    resource_type, name = step["urn"].split("::")[2:4]
    kind = resource_type.rpartition(":")[2]
    if "name" in metadata:
        name = "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))
    return Change(
        operation=operation,
        kind=f"provider {kind}" if "pulumi:providers:" in resource_type else kind,
        name=str(name),
        old=old.get("inputs") or {},
        new=new.get("inputs") or {},
        reasons=step.get("replaceReasons") or [],
        places=list(step.get("detailedDiff") or step.get("diffReasons") or []),
        is_kept=operation == "delete" and bool(old.get("retainOnDelete")),
    )
