"""The output of `pulumi preview --json`: one digest at its end, or a stream of events."""

import json
from collections.abc import Iterator, Sequence
from typing import Any


def find(text: str) -> dict[str, Any] | None:
    """Return the digest in the text, or one built from a stream; None if there is neither."""
    documents = list(_documents(text))
    if streamed := [event for event in documents if "sequence" in event]:
        return _digest(streamed)
    return next((document for document in documents if "config" in document), None)


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects that start at the beginning of a line."""
    decoder, at = json.JSONDecoder(), 0
    while (at := text.find("{", at)) >= 0:
        if at and text[at - 1] != "\n":
            at += 1
            continue
        try:
            found, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
        else:
            yield found


def _digest(events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Build the digest from a stream of events (PULUMI_ENABLE_STREAMING_JSON_PREVIEW)."""
    steps, said, summary = [], [], None
    for event in events:
        if "resourcePreEvent" in event:
            step = event["resourcePreEvent"]["metadata"]
            states = {"oldState": step.get("old"), "newState": step.get("new")}
            steps.append({**step, **states, "replaceReasons": step.get("keys")})
        elif "diagnosticEvent" in event:
            found = event["diagnosticEvent"]
            said.append({**found, "message": f"{found.get('prefix', '')}{found['message']}"})
        elif "policyEvent" in event:
            found = event["policyEvent"]
            level = "error" if found["enforcementLevel"] == "mandatory" else "warning"
            message = f"policy {found['policyName']}: {found['message']}"
            said.append({"severity": level, "message": message})
        elif "summaryEvent" in event:
            summary = event["summaryEvent"].get("resourceChanges") or {}
    return {"steps": steps, "diagnostics": said, "changeSummary": summary}
