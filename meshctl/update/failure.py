"""The end of an update that failed: what failed, why, what was left as it was, what to do next."""

import re
from dataclasses import dataclass
from pathlib import Path

from meshctl.update import phases, vain_wait
from meshctl.update.events import Message, Step, Update
from meshctl.update.remedies import remedy
from meshctl.update.waiting import Watch

NOTHING_NEW = (
    "update failed",
    "preview failed",
    "destroy failed",
    "refresh failed",
    "update canceled",
)
"""What Pulumi says after the errors of resources."""
PREFIX = re.compile(
    r'^(?:\w+ of )?resource "urn:[^"]+" (?:failed|was not successfully \w+ by the \w+ API server): '
)
"""How Pulumi's message about a resource may begin; the resource is named apart."""
SHOWN = 5  # resources at most
LAST = 10  # lines of Pulumi's output, if its events tell nothing


KILLED = (
    "the Pulumi program was killed before the update was done, so the update was stopped; if the "
    "machine was out of memory, `dmesg` says so"
)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What is known at the end of an update that failed or was interrupted."""

    update: Update
    watch: Watch
    stack: str
    command: str
    again: str
    """The command that continues."""
    log: Path | None
    istio_namespace: str

    def __str__(self) -> str:
        """Return the text: one labelled paragraph for each question."""
        how = "was interrupted" if self.update.is_interrupted else "failed"
        parts = [
            ("failed", self._what()),
            ("reason", self._why()),
            ("left", self._left()),
            ("next", self._next()),
            ("log", [str(self.log)] if self.log else []),
        ]
        lines = [f"{self.command} of stack {self.stack} {how} after {self.update.seconds:.0f} s"]
        for label, texts in parts:
            for number, line in enumerate("\n".join(texts).splitlines()):
                lines.append(f"  {'' if number else label:<8}{line}".rstrip())
        return "\n".join(lines)

    @property
    def _steps(self) -> list[Step]:
        """The operations that failed, or that were broken off."""
        return self.update.failed or self.update.running

    def _what(self) -> list[str]:
        if not self._steps:
            return ["the program"] if self._errors() else []
        return _shortened([f"{step} ({phases.phase_of(step.urn)})" for step in self._steps])

    def _why(self) -> list[str]:
        if vain_wait.is_killed(self.update):
            return [KILLED]
        # What was broken off by Ctrl-C fails too, and says no more than that.
        is_interrupted = self.update.is_interrupted
        told = [] if is_interrupted else [PREFIX.sub("", each.text) for each in self._errors()]
        pods = [reason.text for step in self._steps if (reason := self.watch.of(step.name))]
        found = list(dict.fromkeys([*told, *pods]))
        if found or is_interrupted:
            return found
        return self._said_last()

    def _errors(self) -> list[Message]:
        errors = [each for each in self.update.messages if each.severity == "error"]
        new = [each for each in errors if each.text not in NOTHING_NEW]
        return new if new or self.update.is_interrupted else errors

    def _said_last(self) -> list[str]:
        """Return the errors that Pulumi printed, or its last lines."""
        if self.log is None or not self.log.exists():
            return []
        lines = [line for line in self.log.read_text().splitlines() if line.strip()]
        # The events are those of the update, without those of its preview.
        sections = [n for n, line in enumerate(lines) if line in ("Diagnostics:", "Policies:")]
        if sections:
            return lines[sections[0] :]
        errors = [line for line in lines if line.startswith("error:")]
        return errors or lines[-LAST:]

    def _left(self) -> list[str]:
        changed = self.update.changed
        if not changed and not self._steps:
            return ["nothing was changed"]
        names = dict.fromkeys(phases.phase_of(step.urn) for step in changed)
        done = [f"{phases.counted(changed)} ({', '.join(names)})"] if changed else []
        broken = _shortened([f"may be half done: {step}" for step in self._steps])
        return [*done, *broken, "everything else as it was"]

    def _next(self) -> list[str]:
        advice = []
        for step in self._steps:
            reason = self.watch.of(step.name)
            namespace = step.name.rpartition("/")[0]
            texts = [each.text for each in self._errors() if each.urn == step.urn]
            advice += [reason.remedy] if reason and reason.remedy else []
            advice += [
                remedy(text, namespace=namespace, istio_namespace=self.istio_namespace)
                for text in texts
            ]
        found = list(dict.fromkeys(filter(None, advice)))
        then = (
            "  (continues where this one ended)"
            if self.update.changed or self._steps
            else ("" if self.update.is_interrupted else ", when the cause is removed")
        )
        return [*_shortened(found), f"{self.again}{then}"]


def _shortened(texts: list[str]) -> list[str]:
    left = len(texts) - SHOWN
    return [*texts[:SHOWN], *([f"and {left} more"] if left > 0 else [])]
